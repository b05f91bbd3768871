"""The optional parts of the model: the name of a file is the key under `model:` that turns it on."""

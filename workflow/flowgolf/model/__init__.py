"""The model: settings that import no torch, its optional parts one file each, and the transformer itself."""

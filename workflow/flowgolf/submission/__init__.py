"""The submission folder, and the self-contained train_gpt.py that is generated from the other packages."""

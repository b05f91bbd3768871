"""The generated train_gpt.py: all that a run needs of the package, in one file."""

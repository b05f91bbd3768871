"""Modules that take the place of others inside the generated train_gpt.py."""

"""Judges a record folder of the challenge from its logs, submission.json and code as text; nothing of it is run."""

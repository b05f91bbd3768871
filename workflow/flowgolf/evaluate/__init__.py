"""Evaluation of artifacts: roundtrip, sliding window, legal test-time training, checks."""

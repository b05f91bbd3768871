"""Quantised export: bit plans, the artifact container, the search under a byte cap."""

"""The checks: each a function from a case to findings."""

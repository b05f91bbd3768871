"""The tables of a study, made from its results."""

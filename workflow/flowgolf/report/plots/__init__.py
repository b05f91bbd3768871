"""The plots of a study, made from its results."""

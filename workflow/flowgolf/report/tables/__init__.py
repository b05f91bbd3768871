"""The tables of a study, from the frame."""

"""The plots of a study, from the frame."""

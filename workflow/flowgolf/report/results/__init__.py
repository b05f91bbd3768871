"""Records on disk to one frame, and what is compared in it."""

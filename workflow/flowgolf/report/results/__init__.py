"""The values of a study: records on disk become one frame, and the differences that the study asks about."""

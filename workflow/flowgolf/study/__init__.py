"""What is declared: a study's settings, its runs and stages, and which record lies where."""

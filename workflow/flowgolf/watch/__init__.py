"""What a study is doing now, and what it would cost to start it."""

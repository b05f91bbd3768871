"""What a study is doing, and what a launch would cost."""

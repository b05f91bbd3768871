"""`make gpu`: what a machine with a GPU does with the published model, each figure with its budget."""

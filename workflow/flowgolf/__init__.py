"""flowgolf: ablation studies of 16 MB language models, from text to a table one can trust."""

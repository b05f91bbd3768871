"""Pages that people read: the report, and a finished study as Markdown."""

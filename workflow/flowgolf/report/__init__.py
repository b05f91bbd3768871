"""Records to results: collection, statistics, tables, figures, status."""

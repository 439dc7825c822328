"""Making sense of results: tables, comparisons, plots."""

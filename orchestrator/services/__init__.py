"""Use cases of the grid. They flush and never commit."""

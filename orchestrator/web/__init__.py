"""Pages of the grid, one module per noun."""

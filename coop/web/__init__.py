"""The only Flask code of the co-op: access, forms, htmx, errors, one module per noun."""

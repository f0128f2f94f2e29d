"""The only Flask code of the co-op: access, forms, pages. Parse, one transaction, one service call, render."""

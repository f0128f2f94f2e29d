"""SQLModel tables of the co-op, one aggregate a file."""

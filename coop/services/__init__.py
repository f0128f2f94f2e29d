"""Use cases of the co-op: (session, *, actor, now, ...). They flush and never commit."""

"""Use cases of governance. They flush and never commit."""

"""SQLModel tables of governance."""

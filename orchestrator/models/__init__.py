"""SQLModel tables of the grid."""

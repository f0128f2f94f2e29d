"""Pure decisions of the grid. Used by agent and gateway, so no SQL here."""

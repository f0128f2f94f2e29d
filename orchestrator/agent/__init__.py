"""The agent on a member's machine. No database, no Flask."""

"""Pure decisions of the co-op: values in, values out. No session, clock, Flask or I/O."""

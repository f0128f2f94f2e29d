"""Commands of `coop`, one module per command or family. Each is an entry point: it may open transactions and print."""

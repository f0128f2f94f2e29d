"""What serves models: each a child process of the agent, so that its memory and its crashes are its own."""

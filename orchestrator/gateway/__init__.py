"""The OpenAI-compatible API. Opens no database."""

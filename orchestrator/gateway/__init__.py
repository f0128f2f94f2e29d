"""The OpenAI-compatible API. Opens no database, holds no key of the co-op, ignores cookies."""

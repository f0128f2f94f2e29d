"""Alembic's entry: runs on the connection that `coop.services.schema` hands over. Migrations import no models."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from coop.core.db import JsonDocument, UtcDateTime
from coop.models.tables import load_tables


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our column types as plain SQLAlchemy, so that old migrations survive changes of our code."""
    if kind == "type":
        if isinstance(item, UtcDateTime):
            return "sa.DateTime(timezone=True)"
        if isinstance(item, type(JsonDocument)):
            return "JSON"
        if type(item).__name__ == "AutoString":
            return f"sa.String(length={item.length})" if item.length else "sa.String()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=load_tables(),
    render_as_batch=True,
    render_item=render_item,
    transaction_per_migration=False,
)
context.run_migrations()

"""${message}."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from coop.core.db import append_only_ddl, refuse_ddl

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Bring the schema forward."""
    ${upgrades if upgrades else "pass"}
    dialect = op.get_context().dialect.name

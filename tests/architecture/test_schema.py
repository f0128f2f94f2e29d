"""Rules of the house for the schema: migrations equal models, triggers exist, constraints have names."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from coop.core.db import Database
from coop.models.tables import APPEND_ONLY, load_tables
from coop.services import schema


def test_migrations_equal_models(database: Database) -> None:
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), load_tables()) == []


def test_append_only_triggers_exist_after_all_migrations(database: Database) -> None:
    triggers = schema.list_triggers(database)
    for table in APPEND_ONLY:
        assert {f"{table}_no_update", f"{table}_no_delete"} <= triggers


def test_every_constraint_has_a_name() -> None:
    for table in load_tables().sorted_tables:
        assert all(constraint.name for constraint in table.constraints), table.name

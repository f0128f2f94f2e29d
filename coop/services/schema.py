"""Brings a database to the newest schema. The only caller of Alembic."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from coop.core.db import Database
from coop.core.resources import resource


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for one connection; there is no alembic.ini."""
    result = Config()
    result.set_main_option("script_location", str(resource("migrations")))
    result.attributes["connection"] = connection
    return result


def upgrade(database: Database) -> None:
    """Run what is missing of the migrations, all or nothing."""
    if is_current(database):
        return
    with database.engine.connect() as connection:
        if database.is_sqlite:
            connection.execute(text("PRAGMA foreign_keys=OFF"))
            connection.execute(text("BEGIN IMMEDIATE"))
        command.upgrade(config(connection), "head")
        connection.commit()
        if database.is_sqlite:
            connection.execute(text("PRAGMA foreign_keys=ON"))


def newest_revision() -> str:
    """Return the revision this code needs."""
    return str(ScriptDirectory.from_config(config()).get_current_head())


def is_current(database: Database) -> bool:
    """Say whether the database has the schema this code needs."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest_revision()


def list_triggers(database: Database) -> set[str]:
    """Return the names of all triggers, for the test that no migration lost one."""
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if database.is_sqlite
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    with database.engine.connect() as connection:
        return {row[0] for row in connection.execute(text(query))}


def list_tables(database: Database) -> set[str]:
    """Return the names of all tables."""
    return set(inspect(database.engine).get_table_names())

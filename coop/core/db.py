"""Database access: engine, transactions and the types every table uses. The only file that commits.

SQLite runs in WAL with synchronous=FULL and one writer (BEGIN IMMEDIATE), PostgreSQL at REPEATABLE READ for reading.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import JSON, BigInteger, DateTime, Engine, create_engine, event, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session

BUSY_TIMEOUT_MS = 10_000  # how long a writer waits for the one before it
WRITE_WARN_MS = 250  # design.md: no write transaction over 250 ms; a longer one is logged
POOL_SIZE = 12

log = structlog.get_logger()


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime. SQLite has no zones, so a naive value in the file means UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive datetimes: they would be another moment on another machine."""
        if value is None:
            return None
        assert value.tzinfo is not None, "a naive datetime reached the database"
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give every moment its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# A Python None is SQL NULL, so that CHECKs on "is there a verdict" mean what they say.
JsonDocument = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
BigInt = BigInteger()


def _on_sqlite_connect(connection: Any, _record: ConnectionPoolEntry) -> None:
    """Set what SQLite forgets with every connection, and take transactions into our own hands."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


class Database:
    """One database. `transaction()` writes, `reading()` reads one consistent state and cannot write by accident."""

    def __init__(self, url: str) -> None:
        if url.startswith("postgresql://"):
            url = url.replace("postgresql://", "postgresql+psycopg://", 1)
        self.is_sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {"pool_size": POOL_SIZE, "max_overflow": POOL_SIZE, "hide_parameters": True}
        if not self.is_sqlite:
            options["pool_pre_ping"] = True
        self.engine: Engine = create_engine(url, **options)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _on_sqlite_connect)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a write transaction: returning commits, raising rolls back."""
        started = time.monotonic()
        with Session(self.engine, expire_on_commit=False) as session:
            if self.is_sqlite:
                session.connection().execute(text("BEGIN IMMEDIATE"))
            try:
                yield session
                session.commit()
            except BaseException:
                session.rollback()
                raise
        elapsed_ms = (time.monotonic() - started) * 1_000
        if elapsed_ms > WRITE_WARN_MS:
            log.warning("long_write_transaction", elapsed_ms=round(elapsed_ms))

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open one consistent snapshot for reading; whatever was changed in it is rolled back."""
        with Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            if self.is_sqlite:
                session.connection().execute(text("BEGIN"))
            else:
                session.connection(
                    execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
                )
            try:
                yield session
            finally:
                session.expunge_all()  # what was read stays readable afterwards; a rollback would expire it
                session.rollback()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def append_only_ddl(table: str, dialect: str) -> list[str]:
    """Return the statements that make the database refuse UPDATE and DELETE on a table, for `sqlite` or `postgresql`.

    Migrations run them; SQLite loses triggers when a table is rebuilt, so a test asks for them after every migration.
    """
    return [
        ddl for verb in ("UPDATE", "DELETE") for ddl in refuse_ddl(f"{table}_no_{verb.lower()}", table, verb, dialect)
    ]


def refuse_ddl(name: str, table: str, verb: str, dialect: str, *, when: str = "") -> list[str]:
    """Return the statements of a trigger that refuses a verb (`UPDATE`, `INSERT`, `UPDATE OF state`) where `when` holds.

    `when` may use NEW and OLD; in PostgreSQL it is checked inside the function, so subqueries work on both.
    """
    message = f"{name}: {table} refuses {verb.split()[0]}"
    if dialect == "sqlite":
        guard = f" WHEN {when}" if when else ""
        return [
            f"CREATE TRIGGER {name} BEFORE {verb} ON \"{table}\"{guard} BEGIN SELECT RAISE(ABORT, '{message}'); END"
        ]
    back = "OLD" if verb.startswith("DELETE") else "NEW"
    body = f"IF {when} THEN RAISE EXCEPTION '{message}'; END IF;" if when else f"RAISE EXCEPTION '{message}';"
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger AS $$ BEGIN {body} RETURN {back}; END $$ LANGUAGE plpgsql",
        f'CREATE TRIGGER {name} BEFORE {verb} ON "{table}" FOR EACH ROW EXECUTE FUNCTION {name}()',
    ]

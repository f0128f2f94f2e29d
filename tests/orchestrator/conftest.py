"""The small grid of tests/grid.py as fixtures."""

from datetime import datetime

import pytest

from coop.core.actor import Actor
from coop.core.db import Database
from tests.grid import GUL, Grid, build


@pytest.fixture
def grid(database: Database, now: datetime) -> Grid:
    """The grid on both databases."""
    return build(database, now)


@pytest.fixture
def sqlite_grid(sqlite: Database, now: datetime) -> Grid:
    """The grid on SQLite, where the engine makes no difference."""
    return build(sqlite, now)


@pytest.fixture
def gul() -> Actor:
    """The sysadmin."""
    return GUL

"""A portal with a founded co-op."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coop.core.db import Database
from tests.portal import Portal, found


@pytest.fixture
def portal(sqlite: Database, tmp_path: Path) -> Iterator[Portal]:
    """The pages of a founded co-op."""
    made = found(sqlite, tmp_path)
    yield made
    made.app.extensions["coop_database"].close()

"""The application's database in a request. Views open `transaction()` or `reading()` once and visibly."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app
from sqlmodel import Session

from coop.core.db import Database
from coop.core.settings import Settings


def database() -> Database:
    """Return the database of the running application."""
    found = current_app.extensions["coop_database"]
    assert isinstance(found, Database)
    return found


def settings() -> Settings:
    """Return the settings of the running application."""
    found = current_app.extensions["coop_settings"]
    assert isinstance(found, Settings)
    return found


@contextmanager
def transaction() -> Iterator[Session]:
    """Open a write transaction: returning commits, raising rolls back."""
    with database().transaction() as session:
        yield session


@contextmanager
def reading() -> Iterator[Session]:
    """Open one consistent snapshot for reading."""
    with database().reading() as session:
        yield session

"""What every table shares: names for all constraints, and columns that mean the same everywhere."""

import re
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel

from coop.core.db import BigInt, JsonDocument, UtcDateTime
from coop.core.ids import new_id

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(SQLModel):
    """Base of all tables: the table's name is the class's, in snake case."""

    @declared_attr.directive
    def __tablename__(cls) -> str:
        """Return e.g. `share_class` for ShareClass."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()


TEXT_MAX = 4_000  # characters of a reason, a description, a note
NAME_MAX = 120


def id_field() -> Any:
    """Return a primary key filled with a time-ordered id."""
    return Field(default_factory=new_id, primary_key=True, max_length=32)


def foreign(target: str, *, nullable: bool = False, index: bool = True, primary_key: bool = False) -> Any:
    """Return a foreign key to `table.column`, never null unless said."""
    options: dict[str, Any] = {"default": None} if nullable else {}
    return Field(
        sa_column=Column(ForeignKey(target), nullable=nullable, index=index, primary_key=primary_key), **options
    )


def moment(*, nullable: bool = False, index: bool = False) -> Any:
    """Return an aware UTC datetime column."""
    options: dict[str, Any] = {"default": None} if nullable else {}
    return Field(sa_column=Column(UtcDateTime, nullable=nullable, index=index), **options)


def big_integer(*, default: int | None = None, nullable: bool = False) -> Any:
    """Return a 64-bit integer column, for money and counters."""
    options: dict[str, Any] = {} if default is None and not nullable else {"default": default}
    return Field(sa_column=Column(BigInt, nullable=nullable), **options)


def document(*, nullable: bool = False) -> Any:
    """Return a JSON column (JSONB on PostgreSQL)."""
    options: dict[str, Any] = {"default": None} if nullable else {}
    return Field(sa_column=Column(JsonDocument, nullable=nullable), **options)


__all__ = ["NAME_MAX", "TEXT_MAX", "Table", "big_integer", "datetime", "document", "foreign", "id_field", "moment"]

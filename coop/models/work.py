"""Tables through which processes meet: outbox, tasks, clock jobs, leadership, documents. Claimed by guarded UPDATEs."""

from sqlalchemy import CheckConstraint, Column, LargeBinary
from sqlmodel import Field

from coop.models.base import (
    NAME_MAX,
    Table,
    big_integer,
    datetime,
    document,
    id_field,
    moment,
)


class Outbox(Table, table=True):
    """Something control has to tell the grid, written in the transaction that caused it."""

    id: str = id_field()
    kind: str = Field(max_length=48)
    body: dict[str, object] = document()
    created_at: datetime = moment()
    sent_at: datetime | None = moment(nullable=True, index=True)
    attempts: int = Field(default=0)


class Task(Table, table=True):
    """Long work for a worker: waiting -> running -> done or failed. A lost worker's lease runs out and it waits again."""

    __table_args__ = (CheckConstraint("state IN ('waiting','running','done','failed')", name="state_known"),)
    id: str = id_field()
    kind: str = Field(max_length=48)
    dedupe_key: str = Field(max_length=120, unique=True)
    arguments: dict[str, object] = document()
    state: str = Field(default="waiting", max_length=16, index=True)
    attempts: int = Field(default=0)
    holder: str | None = Field(default=None, max_length=64)
    leased_until: datetime | None = moment(nullable=True)
    error: str = Field(default="", max_length=2000)
    created_at: datetime = moment()
    finished_at: datetime | None = moment(nullable=True)


class ClockJob(Table, table=True):
    """A job of the clock. `due_at` moves on by compare-and-swap, so that a tick acts once with any number of controls."""

    name: str = Field(primary_key=True, max_length=48)
    due_at: datetime = moment()
    holder: str | None = Field(default=None, max_length=64)
    leased_until: datetime | None = moment(nullable=True)
    runs: int = big_integer(default=0)
    last_error: str = Field(default="", max_length=2000)


class Leadership(Table, table=True):
    """Who leads. `fence` rises with every change of leader; a stale leader's writes find another number."""

    name: str = Field(primary_key=True, max_length=32)
    holder: str = Field(max_length=64)
    fence: int = big_integer(default=0)
    leased_until: datetime = moment()


class StoredDocument(Table, table=True):
    """A rendered file (PDF) of a frozen batch. Named by what it is, checked by its SHA-256."""

    __tablename__ = "stored_document"
    id: str = id_field()
    name: str = Field(max_length=NAME_MAX, unique=True)
    media_type: str = Field(max_length=64)
    sha256: str = Field(max_length=64)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    subject_id: str = Field(max_length=32, index=True)
    member_id: str | None = Field(default=None, foreign_key="member.id", index=True)
    created_at: datetime = moment()

"""Machines and the codes by which they enrol."""

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from coop.models.base import (
    NAME_MAX,
    Table,
    datetime,
    document,
    foreign,
    id_field,
    moment,
)


class Node(Table, table=True):
    """One machine's agent: waiting (room) -> ready <-> draining, or revoked for good.

    `credential` is the user JWT control minted; without the seed on the machine it is worth nothing.
    """

    __table_args__ = (CheckConstraint("state IN ('waiting','ready','draining','revoked')", name="state_known"),)
    id: str = id_field()
    name: str = Field(max_length=63, unique=True)
    owner_id: str = foreign("member.id")
    public_key: str = Field(max_length=64, unique=True)
    state: str = Field(default="waiting", max_length=16)
    inventory: dict[str, object] = document()
    models: list[str] = document()
    credential: str | None = Field(default=None, max_length=4000)
    enrolled_at: datetime = moment()
    decided_at: datetime | None = moment(nullable=True)
    decided_by: str | None = Field(default=None, max_length=NAME_MAX)
    seen_at: datetime | None = moment(nullable=True)
    policy_epoch: int = Field(default=0)
    policy_version: int = Field(default=0)
    obeyed_at: datetime | None = moment(nullable=True)


class EnrolmentCode(Table, table=True):
    """A code that lets one machine into the waiting room, once. `id` is its digest."""

    id: str = Field(primary_key=True, max_length=64)
    node_name: str = Field(max_length=63)
    owner_id: str = foreign("member.id")
    created_at: datetime = moment()
    created_by: str = Field(max_length=NAME_MAX)
    expires_at: datetime = moment()
    used_at: datetime | None = moment(nullable=True)

"""The co-op itself and its by-laws. By-laws are versions that are added, never changed."""

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from coop.models.base import NAME_MAX, Table, datetime, document, moment


class Cooperative(Table, table=True):
    """The one row that says which co-op this is; absent until the setup link was used."""

    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)
    id: int = Field(default=1, primary_key=True)
    name: str = Field(max_length=NAME_MAX)
    legal_name: str = Field(max_length=NAME_MAX)
    address: str = Field(default="", max_length=400)
    currency: str = Field(max_length=3)
    timezone: str = Field(default="UTC", max_length=64)
    is_demo: bool = Field(default=False)
    founded_at: datetime = moment()


class Bylaws(Table, table=True):
    """One version of the by-laws (`coop.rules.bylaws.Bylaws` as JSON). The newest with valid_from <= now counts."""

    version: int = Field(primary_key=True)
    body: dict[str, object] = document()
    valid_from: datetime = moment()
    created_at: datetime = moment()

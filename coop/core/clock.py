"""Time. Datetimes are aware UTC, periods are half open, and no process has a switch that moves its clock."""

from dataclasses import dataclass
from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC. Called at entry points only; everything below gets `now` passed in."""
    return datetime.now(UTC)


def require_utc(moment: datetime) -> datetime:
    """Return `moment` in UTC. Raises AssertionError for a naive datetime: it would mean another moment elsewhere."""
    assert moment.tzinfo is not None, "a datetime without a zone came in"
    return moment.astimezone(UTC)


def iso(moment: datetime) -> str:
    """Return RFC 3339 with microseconds and Z, as signed documents carry it."""
    return require_utc(moment).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_iso(text: str) -> datetime:
    """Return the moment that `iso` wrote. Raises ValueError on anything without a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)


@dataclass(frozen=True)
class Period:
    """A half-open stretch of time: `starts_at` belongs to it, `ends_at` does not."""

    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        assert self.starts_at < self.ends_at, "a period ends after it starts"

    def contains(self, moment: datetime) -> bool:
        """Say whether the moment lies in the period."""
        return self.starts_at <= moment < self.ends_at

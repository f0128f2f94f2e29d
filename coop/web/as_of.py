"""Reads the day as of which a page shows the register or the books: `?on=2026-06-30` means the end of that day."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from flask import g, request

from coop.web.formats import zone
from coop.web.forms import Form

LAST_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class AsOf:
    """The chosen moment; `on` is the day as typed, empty for now. `form` holds the problem of a day that cannot be."""

    at: datetime
    on: str
    form: Form


def read_as_of() -> AsOf:
    """Return the moment that the address names, now where it names none or none that can be read."""
    form = Form(request.args)
    if not form.raw("on").strip():
        return AsOf(g.now, "", Form())
    day = form.date("on")
    if form.has_errors:
        return AsOf(g.now, "", form)
    return AsOf(_end_of(day), day.isoformat(), form)


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(0), tzinfo=zone()) - LAST_INSTANT

"""A job of the clock: what control runs every so often, once for all controls. `app.clock_jobs()` lists them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session


@dataclass(frozen=True)
class JobSpec:
    """`function(session, now)` runs in one transaction, at most once in `every_s` seconds."""

    name: str
    every_s: int
    function: Callable[[Session, datetime], object]

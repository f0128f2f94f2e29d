"""Jobs of the clock: what they are, and coop's own. `app.py` adds those of the other packages; control runs them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from coop.core.signing import SigningKey
from coop.services import log

HOUR_S = 3_600.0


@dataclass(frozen=True)
class JobSpec:
    """A job: every `every_s` seconds one transaction calls `run(session, now)`. It must be harmless to call again."""

    name: str
    every_s: float
    run: Callable[[Session, datetime], object]


def jobs(*, log_key: SigningKey) -> list[JobSpec]:
    """Return coop's own jobs. Only control has the key that signs heads of the log."""

    def sign_head(session: Session, now: datetime) -> object:
        return log.sign_head(session, key=log_key, now=now)

    return [JobSpec("log.head", HOUR_S, sign_head)]

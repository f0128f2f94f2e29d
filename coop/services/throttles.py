"""Token buckets in the database, shared by all workers: brute force is slowed, and the victim is never locked out.

A bucket belongs to an e-mail address *and* the address it is tried from, so tries from elsewhere empty other buckets.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, update

from coop.core.errors import TooMany
from coop.models.users import Throttle

MILLI = 1_000
ROUNDS_MAX = 20


@dataclass(frozen=True)
class Bucket:
    """A kind of bucket: `tries` at once, then one more every `refill_s` seconds."""

    name: str
    tries: int
    refill_s: int
    code: str


SIGNIN = Bucket("signin", tries=5, refill_s=30, code="signin.too_many")
APPLY_ADDRESS = Bucket("apply-address", tries=20, refill_s=60, code="application.too_many")
ENROL_ADDRESS = Bucket("enrol-address", tries=30, refill_s=10, code="enrolment.too_many")
SIGNIN_ADDRESS = Bucket("signin-address", tries=50, refill_s=2, code="signin.too_many")


def _key(bucket: Bucket, parts: tuple[str, ...]) -> str:
    return f"{bucket.name}:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()}"


def take(session: Session, bucket: Bucket, *parts: str, now: datetime) -> None:
    """Take one try from the bucket of these parts. Raises TooMany with `retry_after_s`.

    Call it in a transaction of its own: a try that fails afterwards must stay taken.
    """
    key = _key(bucket, parts)
    for _round in range(ROUNDS_MAX):
        row = session.get(Throttle, key, populate_existing=True)
        if row is None:
            if _begin(session, key, bucket, now):
                return
            continue
        elapsed_ms = max(0, int((now - row.updated_at).total_seconds() * 1_000))
        milli_tokens = min(bucket.tries * MILLI, row.milli_tokens + elapsed_ms // bucket.refill_s)
        if milli_tokens < MILLI:
            missing_ms = (MILLI - milli_tokens) * bucket.refill_s
            raise TooMany(bucket.code, retry_after_s=max(1, -(-missing_ms // 1_000)))
        taken = session.exec(
            update(Throttle)
            .where(
                col(Throttle.key) == key,
                col(Throttle.milli_tokens) == row.milli_tokens,
                col(Throttle.updated_at) == row.updated_at,
            )
            .values(milli_tokens=milli_tokens - MILLI, updated_at=max(now, row.updated_at))
        )
        if taken.rowcount:
            return
    raise TooMany(bucket.code, retry_after_s=1)


def _begin(session: Session, key: str, bucket: Bucket, now: datetime) -> bool:
    """Make a bucket with one try taken; False when another worker was quicker."""
    try:
        with session.begin_nested():
            session.execute(insert(Throttle).values(key=key, milli_tokens=(bucket.tries - 1) * MILLI, updated_at=now))
    except IntegrityError:
        return False
    return True

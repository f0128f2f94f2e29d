"""Brute force is slowed without locking out the victim (security.md P18)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from coop.core.db import Database
from coop.core.errors import TooMany
from coop.services import throttles
from coop.services.throttles import SIGNIN, Bucket


def taken(database: Database, *parts: str, now: datetime, bucket: Bucket = SIGNIN) -> bool:
    """Whether a try was free, in a transaction of its own as views do."""
    try:
        with database.transaction() as session:
            throttles.take(session, bucket, *parts, now=now)
    except TooMany:
        return False
    return True


def test_a_bucket_gives_its_tries_and_then_one_per_refill(sqlite: Database, now: datetime) -> None:
    assert [taken(sqlite, "bo", "1.2.3.4", now=now) for _ in range(7)] == [True] * 5 + [False] * 2
    assert not taken(sqlite, "bo", "1.2.3.4", now=now + timedelta(seconds=29))
    assert taken(sqlite, "bo", "1.2.3.4", now=now + timedelta(seconds=30))
    assert not taken(sqlite, "bo", "1.2.3.4", now=now + timedelta(seconds=31))


def test_the_victim_comes_in_from_elsewhere(sqlite: Database, now: datetime) -> None:
    while taken(sqlite, "bo", "6.6.6.6", now=now):
        pass
    assert taken(sqlite, "bo", "1.2.3.4", now=now)
    assert taken(sqlite, "ada", "6.6.6.6", now=now)


def test_a_clock_that_runs_back_gives_nothing(sqlite: Database, now: datetime) -> None:
    while taken(sqlite, "bo", "6.6.6.6", now=now):
        pass
    assert not taken(sqlite, "bo", "6.6.6.6", now=now - timedelta(hours=1))


def test_the_refusal_says_when_to_come_back(sqlite: Database, now: datetime) -> None:
    bucket = Bucket("test", tries=1, refill_s=60, code="signin.too_many")
    assert taken(sqlite, "x", now=now, bucket=bucket)
    with pytest.raises(TooMany) as refused, sqlite.transaction() as session:
        throttles.take(session, bucket, "x", now=now + timedelta(seconds=15))
    assert refused.value.values == {"retry_after_s": 45}


def test_parallel_tries_take_no_more_than_there_are(database: Database, now: datetime) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: taken(database, "bo", "1.2.3.4", now=now), range(24)))
    assert results.count(True) == SIGNIN.tries

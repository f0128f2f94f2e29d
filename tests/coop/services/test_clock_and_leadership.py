"""One leader, and one effect per tick, whatever crashes and however many try."""

import threading
from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, func, select

from coop.core.db import Database
from coop.core.errors import Conflict
from coop.models.work import ClockJob, Leadership, Outbox
from coop.services import clock_jobs, leadership, outbox

EVERY = timedelta(seconds=1)
TICKS = 60
CONTROLS = 4


class CrashError(Exception):
    """Stands for a process that dies in the middle of its work."""


def act(session: Session, now: datetime) -> object:
    return outbox.put(session, kind="test.tick", body={}, now=now)


def test_four_controls_act_once_per_tick_though_one_crashes(database: Database, now: datetime) -> None:
    with database.transaction() as session:
        clock_jobs.ensure(session, name="test", now=now)
    crashed: list[int] = []
    barrier = threading.Barrier(CONTROLS)

    def control(number: int) -> None:
        for tick in range(TICKS):
            barrier.wait()
            moment = now + tick * EVERY

            def work(session: Session, at: datetime, tick: int = tick) -> object:
                done = act(session, at)
                if tick % 10 == 5 and tick not in crashed:
                    crashed.append(tick)
                    raise CrashError
                return done

            for _ in range(2):  # who crashed tries again, as a restarted process would
                try:
                    with database.transaction() as session:
                        clock_jobs.run_due(session, name="test", every=EVERY, work=work, holder=str(number), now=moment)
                except CrashError:
                    continue

    threads = [threading.Thread(target=control, args=(number,)) for number in range(CONTROLS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert len(crashed) == TICKS // 10
        assert session.exec(select(func.count()).select_from(Outbox)).one() == TICKS
        moments = session.exec(select(Outbox.created_at)).all()
        assert len(set(moments)) == TICKS
        job = session.get(ClockJob, "test")
        assert job is not None
        assert job.runs == TICKS


def test_failed_work_is_rolled_back_noted_and_tried_at_the_next_tick(database: Database, now: datetime) -> None:
    def fail(session: Session, at: datetime) -> object:
        act(session, at)
        raise ValueError("broken")

    with database.transaction() as session:
        clock_jobs.ensure(session, name="test", now=now)
        clock_jobs.ensure(session, name="test", now=now)
    with pytest.raises(ValueError, match="broken"), database.transaction() as session:
        clock_jobs.run_due(session, name="test", every=EVERY, work=fail, holder="a", now=now)
    with database.transaction() as session:
        clock_jobs.note_failure(session, name="test", every=EVERY, holder="a", error="broken", now=now)
    with database.transaction() as session:
        assert session.exec(select(func.count()).select_from(Outbox)).one() == 0
        assert [job.last_error for job in clock_jobs.list_failing(session)] == ["broken"]
        assert clock_jobs.list_due(session, now) == set()
        assert clock_jobs.run_due(session, name="test", every=EVERY, work=act, holder="a", now=now + EVERY)
        assert clock_jobs.list_failing(session) == []


def test_missed_ticks_are_not_made_up_for(now: datetime) -> None:
    assert clock_jobs.next_due(now, EVERY, now) == now + EVERY
    assert clock_jobs.next_due(now, EVERY, now + 5.5 * EVERY) == now + 6 * EVERY


def test_one_leads_renews_and_is_followed_after_its_lease(database: Database, now: datetime) -> None:
    with database.transaction() as session:
        assert leadership.claim(session, name="control", holder="a", now=now) == 1
        assert leadership.claim(session, name="control", holder="b", now=now) is None
        assert leadership.claim(session, name="control", holder="a", now=now + timedelta(seconds=3)) == 1
        leadership.require(session, name="control", fence=1)
    later = now + timedelta(seconds=3) + leadership.LEASE
    with database.transaction() as session:
        assert leadership.claim(session, name="control", holder="b", now=later) == 2
    with pytest.raises(Conflict, match="not_leader"), database.transaction() as session:
        leadership.require(session, name="control", fence=1)


def test_released_lead_is_free_at_once_and_the_fence_rises(database: Database, now: datetime) -> None:
    with database.transaction() as session:
        leadership.claim(session, name="control", holder="a", now=now)
        leadership.release(session, name="control", holder="b", now=now)
        assert leadership.claim(session, name="control", holder="b", now=now) is None
        leadership.release(session, name="control", holder="a", now=now)
        assert leadership.claim(session, name="control", holder="b", now=now) == 2


def test_twelve_claims_at_once_make_one_leader(database: Database, now: datetime) -> None:
    fences: list[int | None] = []
    barrier = threading.Barrier(12)

    def claim(number: int) -> None:
        barrier.wait()
        with database.transaction() as session:
            fences.append(leadership.claim(session, name="control", holder=str(number), now=now))

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [fence for fence in fences if fence is not None] == [1]
    with database.reading() as session:
        assert session.get(Leadership, "control") is not None

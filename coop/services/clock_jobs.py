"""The clock's jobs as rows: a tick is claimed in the transaction that does the work.

Any number of controls may try; a crash in the middle rolls claim and work back together.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

from coop.models.work import ClockJob

ERROR_CHARS_MAX = 2_000


def ensure(session: Session, *, name: str, now: datetime) -> None:
    """Add a job that is not there yet, due at once."""
    if session.get(ClockJob, name) is not None:
        return
    try:
        with session.begin_nested():
            session.add(ClockJob(name=name, due_at=now))
    except IntegrityError:  # another control was first
        return


def list_due(session: Session, now: datetime) -> set[str]:
    """Return the names of jobs whose time has come."""
    return set(session.exec(select(ClockJob.name).where(col(ClockJob.due_at) <= now)))


def next_due(due_at: datetime, every: timedelta, now: datetime) -> datetime:
    """Return the first moment of the job's rhythm after `now`; ticks that were missed are not made up for."""
    missed = max((now - due_at) // every, 0)
    return due_at + (missed + 1) * every


def run_due(
    session: Session,
    *,
    name: str,
    every: timedelta,
    work: Callable[[Session, datetime], object],
    holder: str,
    now: datetime,
) -> bool:
    """Claim a due tick and do its work in this transaction. False when it is not due or another one has it."""
    job = session.get(ClockJob, name)
    if job is None or job.due_at > now or not _move(session, job, every=every, holder=holder, now=now, error=""):
        return False
    work(session, now)
    return True


def note_failure(session: Session, *, name: str, every: timedelta, holder: str, error: str, now: datetime) -> None:
    """Move a tick on whose work failed and was rolled back, and keep the error where doctor finds it."""
    job = session.get(ClockJob, name)
    if job is not None and job.due_at <= now:
        _move(session, job, every=every, holder=holder, now=now, error=error[:ERROR_CHARS_MAX])


def _move(session: Session, job: ClockJob, *, every: timedelta, holder: str, now: datetime, error: str) -> bool:
    moved = session.exec(
        update(ClockJob)
        .where(col(ClockJob.name) == job.name, col(ClockJob.due_at) == job.due_at)
        .values(due_at=next_due(job.due_at, every, now), holder=holder, runs=ClockJob.runs + 1, last_error=error)
    )
    return bool(moved.rowcount)


def list_failing(session: Session) -> list[ClockJob]:
    """Return the jobs whose last run failed."""
    return list(session.exec(select(ClockJob).where(ClockJob.last_error != "").order_by(col(ClockJob.name))))

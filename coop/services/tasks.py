"""Long work for the workers: put once, claimed by a guarded UPDATE, taken again when a worker is lost."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, or_, select, update

from coop.core.ids import new_id
from coop.models.work import Task

LEASE = timedelta(seconds=120)
ATTEMPTS_MAX = 3


def put(session: Session, *, kind: str, dedupe_key: str, arguments: dict[str, object], now: datetime) -> Task:
    """Add a task, or return the one that already has this key."""
    found = session.exec(select(Task).where(Task.dedupe_key == dedupe_key)).first()
    if found is not None:
        return found
    task = Task(id=new_id(), kind=kind, dedupe_key=dedupe_key, arguments=arguments, created_at=now)
    session.add(task)
    session.flush()
    return task


def claim(session: Session, *, holder: str, kinds: frozenset[str], now: datetime) -> Task | None:
    """Take the oldest task that waits or whose worker was lost. None when there is nothing to do."""
    may_claim = or_(col(Task.state) == "waiting", (col(Task.state) == "running") & (col(Task.leased_until) < now))
    candidate = session.exec(
        select(Task).where(may_claim, col(Task.kind).in_(kinds)).order_by(col(Task.id)).limit(1)
    ).first()
    if candidate is None:
        return None
    if candidate.attempts >= ATTEMPTS_MAX:
        finish(session, task_id=candidate.id, error="gave up: the worker was lost or failed three times", now=now)
        return None
    taken = session.exec(
        update(Task)
        .where(col(Task.id) == candidate.id, may_claim, col(Task.attempts) == candidate.attempts)
        .values(state="running", holder=holder, leased_until=now + LEASE, attempts=candidate.attempts + 1)
    )
    if taken.rowcount == 0:
        return None
    session.refresh(candidate)
    return candidate


def retry(session: Session, *, task_id: str, error: str, now: datetime) -> None:
    """Give a failed attempt back, or fail for good after ATTEMPTS_MAX."""
    session.exec(
        update(Task)
        .where(col(Task.id) == task_id, col(Task.state) == "running", col(Task.attempts) < ATTEMPTS_MAX)
        .values(state="waiting", holder=None, leased_until=None, error=error[:2000])
    )
    session.exec(
        update(Task)
        .where(col(Task.id) == task_id, col(Task.state) == "running")
        .values(state="failed", error=error[:2000], finished_at=now)
    )


def finish(session: Session, *, task_id: str, now: datetime, error: str = "") -> None:
    """Close a task: done, or failed with the error."""
    session.exec(
        update(Task)
        .where(col(Task.id) == task_id)
        .values(state="failed" if error else "done", error=error[:2000], finished_at=now, leased_until=None)
    )

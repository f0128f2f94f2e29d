"""What control has to tell the grid, written in the transaction that caused it and kept until it was sent."""

from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select, update

from coop.models.work import Outbox

BATCH_MAX = 200


def put(session: Session, *, kind: str, body: dict[str, object], now: datetime) -> Outbox:
    """Add one message, e.g. kind `node.approved`. Control's relay knows the kinds (`orchestrator/control/relay.py`)."""
    row = Outbox(kind=kind, body=body, created_at=now)
    session.add(row)
    session.flush()
    return row


def list_unsent(session: Session, *, limit: int = BATCH_MAX) -> list[Outbox]:
    """Return unsent messages, oldest first."""
    statement = select(Outbox).where(col(Outbox.sent_at).is_(None)).order_by(col(Outbox.id)).limit(limit)
    return list(session.exec(statement))


def mark_sent(session: Session, *, outbox_id: str, now: datetime) -> None:
    """Note that the message is out; a second note changes nothing."""
    session.exec(
        update(Outbox)
        .where(col(Outbox.id) == outbox_id, col(Outbox.sent_at).is_(None))
        .values(sent_at=now, attempts=Outbox.attempts + 1)
    )


def count_unsent(session: Session) -> int:
    """Return how many messages wait."""
    return session.exec(select(func.count()).select_from(Outbox).where(col(Outbox.sent_at).is_(None))).one()

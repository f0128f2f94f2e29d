"""Writes what happened into the one log, in the transaction that made it happen. Control gives it its place later."""

import secrets
from datetime import datetime

from sqlmodel import Session

from coop.core.actor import Actor
from coop.core.clock import iso
from coop.core.ids import new_id
from coop.core.log import commitment
from coop.models.events import Event

SALT_BYTES = 16


def event_document(event: Event) -> dict[str, object]:
    """Return the RFC 8785 document that the event's commitment stands for."""
    return {
        "id": event.id,
        "kind": event.kind,
        "subject": event.subject,
        "body": event.body,
        "actor": event.actor,
        "happened_at": iso(event.happened_at),
    }


def record(session: Session, *, kind: str, subject: str, body: dict[str, object], actor: Actor, now: datetime) -> Event:
    """Add one event. `kind` is `noun.verb`, e.g. `ballot.closed`; amounts in `body` are decimal strings or minor units
    below 2^53. No personal data beyond ids belongs into `body`: what is committed to stays provable.
    """
    event = Event(
        id=new_id(),
        kind=kind,
        subject=subject,
        body=body,
        actor=actor.label,
        salt=secrets.token_bytes(SALT_BYTES),
        commitment=b"",
        happened_at=now,
    )
    event.commitment = commitment(event.salt, event_document(event))
    session.add(event)
    session.flush()
    return event

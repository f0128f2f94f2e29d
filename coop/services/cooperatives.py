"""The co-op itself: founded once, and its by-laws as versions that are added and never changed."""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlmodel import Session, col, select

from coop.core.actor import Actor, system
from coop.core.errors import Conflict, Invalid, NotFound
from coop.core.money import nano_per_minor
from coop.core.signing import digest
from coop.models.cooperative import Bylaws as BylawsVersion
from coop.models.cooperative import Cooperative
from coop.rules.bylaws import Bylaws
from coop.services import events


def find(session: Session) -> Cooperative | None:
    """Return the co-op, or None before the setup link was used."""
    return session.get(Cooperative, 1)


def get(session: Session) -> Cooperative:
    """Return the co-op. Raises NotFound before it is set up."""
    cooperative = find(session)
    if cooperative is None:
        raise NotFound("coop.not_set_up")
    return cooperative


def lock(session: Session) -> Cooperative:
    """Return the co-op and let other writers of numbers wait until this transaction ends."""
    cooperative = session.exec(select(Cooperative).with_for_update()).first()
    if cooperative is None:
        raise NotFound("coop.not_set_up")
    return cooperative


def found(
    session: Session,
    *,
    name: str,
    legal_name: str,
    currency: str,
    timezone: str,
    bylaws: Bylaws,
    is_demo: bool,
    now: datetime,
    address: str = "",
    actor: Actor | None = None,
) -> Cooperative:
    """Write the co-op and the first version of its by-laws. Raises Conflict when there is one, or Invalid."""
    if find(session) is not None:
        raise Conflict("coop.exists")
    nano_per_minor(currency)
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Invalid(
            "coop.timezone_unknown", fields={"timezone": "coop.timezone_unknown"}, timezone=timezone
        ) from error
    cooperative = Cooperative(
        name=name,
        legal_name=legal_name,
        address=address,
        currency=currency,
        timezone=timezone,
        is_demo=is_demo,
        founded_at=now,
    )
    body = bylaws.model_dump(mode="json")
    session.add(cooperative)
    session.add(BylawsVersion(version=1, body=body, valid_from=now, created_at=now))
    session.flush()
    events.record(
        session,
        kind="coop.founded",
        subject="1",
        body={"currency": currency, "bylaws_version": 1, "bylaws_digest": digest(body)},
        actor=actor or system("setup"),
        now=now,
    )
    return cooperative


def current_bylaws(session: Session, now: datetime) -> tuple[int, Bylaws]:
    """Return the by-laws that count at `now` with their version. Raises NotFound before the co-op is set up."""
    statement = (
        select(BylawsVersion)
        .where(col(BylawsVersion.valid_from) <= now)
        .order_by(col(BylawsVersion.version).desc())
        .limit(1)
    )
    row = session.exec(statement).first()
    if row is None:
        raise NotFound("coop.not_set_up")
    return row.version, Bylaws.model_validate(row.body)

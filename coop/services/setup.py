"""The first start: one setup link is the only way in, and using it makes the co-op and its first admin."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import available_timezones

from sqlmodel import Session, col, select, update

from coop.core.actor import Role, system
from coop.core.errors import Conflict, Gone, Invalid
from coop.core.ids import new_token, token_digest
from coop.core.money import EXPONENTS
from coop.models.cooperative import Cooperative
from coop.models.users import SigninLink, User
from coop.rules.bylaws import Bylaws
from coop.services import cooperatives, ledger, offices, policies, shares, users

VALIDITY = timedelta(minutes=30)
PURPOSE = "setup"
MEMBERSHIP_SHARE = "Membership share"


@dataclass(frozen=True)
class Founding:
    """What the setup form asks about the co-op."""

    name: str
    legal_name: str
    currency: str
    timezone: str
    bylaws: Bylaws
    is_demo: bool = False

    def check(self) -> None:
        """Raise Invalid for a currency or a time zone that cannot be kept."""
        if self.currency not in EXPONENTS:
            raise Invalid(
                "money.currency_unknown", fields={"currency": "money.currency_unknown"}, currency=self.currency
            )
        if self.timezone not in available_timezones():
            raise Invalid("coop.timezone_unknown", fields={"timezone": "coop.timezone_unknown"})


def is_founded(session: Session) -> bool:
    """Say whether the co-op is set up."""
    return session.exec(select(Cooperative.id)).first() is not None


def ensure_link(session: Session, now: datetime) -> str | None:
    """Make the setup link and return its token; None once the co-op is set up. Earlier setup links end."""
    if is_founded(session):
        return None
    session.exec(
        update(SigninLink)
        .where(col(SigninLink.purpose) == PURPOSE, col(SigninLink.used_at).is_(None))
        .values(used_at=now)
    )
    token = new_token()
    session.add(
        SigninLink(
            id=token_digest(token), purpose=PURPOSE, created_at=now, created_by="coop up", expires_at=now + VALIDITY
        )
    )
    session.flush()
    return token


def require_link(session: Session, *, token: str, now: datetime) -> None:
    """Let a setup link pass that can still be used. Raises Conflict after the founding, else Gone."""
    if is_founded(session):
        raise Conflict("coop.founded_already")
    link = session.get(SigninLink, token_digest(token))
    if link is None or link.purpose != PURPOSE or link.used_at is not None or link.expires_at <= now:
        raise Gone("setup_link.gone")


def complete(
    session: Session, *, token: str, founding: Founding, name: str, email: str, password_hash: str, now: datetime
) -> User:
    """Use the setup link: found the co-op and make its first user, admin and sysadmin. Of parallel tries one wins.

    `password_hash` comes from `users.hash_password`, taken before the transaction. Raises Gone, Conflict, Invalid.
    """
    require_link(session, token=token, now=now)
    founding.check()
    used = session.exec(
        update(SigninLink)
        .where(
            col(SigninLink.id) == token_digest(token),
            col(SigninLink.used_at).is_(None),
            col(SigninLink.expires_at) > now,
        )
        .values(used_at=now)
    )
    if used.rowcount == 0:
        raise Gone("setup_link.gone")
    return found(session, founding=founding, name=name, email=email, password_hash=password_hash, now=now)


def found(
    session: Session, *, founding: Founding, name: str, email: str, password_hash: str | None, now: datetime
) -> User:
    """Found the co-op with its chart of accounts, its membership share and its first policy, and return the first
    user.

    Only for the setup link, demo and tests: whoever may call this may do everything.
    """
    actor = system("setup")
    cooperatives.found(
        session,
        name=founding.name,
        legal_name=founding.legal_name,
        currency=founding.currency,
        timezone=founding.timezone,
        bylaws=founding.bylaws,
        is_demo=founding.is_demo,
        now=now,
        actor=actor,
    )
    ledger.open_chart(session)
    shares.create_class(
        session,
        name=MEMBERSHIP_SHARE,
        nominal_minor=shares.FOUNDING_NOMINAL_MINOR,
        is_membership=True,
        actor=actor,
        now=now,
    )
    policies.enact_first(session, now)
    user = users.create(session, email=email, name=name, now=now)
    user.password_hash = password_hash
    session.flush()
    for role in (Role.ADMIN, Role.SYSADMIN):
        offices.grant(session, user_id=user.id, role=role, actor=actor, now=now)
    return user

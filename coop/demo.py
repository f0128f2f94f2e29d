"""The demo co-op, the co-op's own part: who is in it, their shares and credit, and a quarter that waits for a signature.

Each package has a `demo` of its own; `app.demo_steps()` puts them in order. They call the same services as people do,
with moments of the past passed in; nothing here moves a clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from coop.core.actor import Actor, Role, system
from coop.core.money import MICRO_PER_SHARE
from coop.core.settings import Settings
from coop.models.cooperative import Cooperative
from coop.models.members import Member
from coop.models.users import User
from coop.rules.bylaws import FOUNDING
from coop.services import (
    actors,
    applications,
    distributions,
    offices,
    payments,
    payouts,
    periods,
    shares,
    signin_links,
)
from coop.services import credits as prepaid
from coop.services import setup as setup_service
from coop.services.setup import Founding

NAME = "Solar Valley Compute Co-op"
DOMAIN = "solarvalley.example"
ZONE = ZoneInfo("Europe/Berlin")
# name, address, whole shares at joining (x 0.25), prepaid credit in cents
PEOPLE = (
    ("Gul Demir", "Hill Farm 1", 20, 2_500),
    ("Ada Moreau", "Mill Lane 4", 24, 4_000),
    ("Finn Albers", "Station Road 9", 9, 1_500),
    ("Bo Lindqvist", "Orchard Way 12", 18, 3_000),
    ("Dee Okafor", "Chapel Street 3", 4, 1_000),
    ("Kofi Mensah", "Market Square 7", 4, 500),
    ("Lea Brandt", "River Bank 2", 48, 0),
    ("Mira Castellano", "Mill Lane 18", 8, 3_500),
    ("Noor El-Amin", "Old School 5", 6, 6_000),
    ("Oskar Wendt", "Greenhouse Yard 1", 35, 1_000),
    ("Priya Nair", "Station Road 22", 4, 2_000),
    ("Tove Lund", "Old School 1", 12, 1_200),
)
APPLICANT = ("Cy Novak", "Mill Lane 31")
CAST = ("Ada Moreau", "Bo Lindqvist", "Cy Novak", "Dee Okafor", "Finn Albers", "Gul Demir")
COSTS = (("Electricity of the hill farm, from the meter", 1_260), ("Internet connection, three months", 900))


@dataclass(frozen=True)
class Step:
    """One part of the demo: a line for the terminal, and what it does in one transaction."""

    text: str
    play: Callable[[Session, Settings, datetime], None]


def email_of(name: str) -> str:
    """Return the address of a person of the demo."""
    return f"{name.split()[0].casefold()}@{DOMAIN}"


def last_quarter(now: datetime) -> tuple[str, datetime, datetime]:
    """Return name, start and end of the last whole quarter before `now`, half open."""
    quarter = (now.month - 1) // 3
    year, last = (now.year, quarter) if quarter else (now.year - 1, 4)
    starts_at = datetime(year, 3 * last - 2, 1, tzinfo=ZONE).astimezone(UTC)
    ends_at = datetime(now.year, 3 * quarter + 1, 1, tzinfo=ZONE).astimezone(UTC)
    return f"Quarter {last} of {year}", starts_at, ends_at


def is_empty(session: Session) -> bool:
    """Say whether there is no co-op here yet."""
    return session.get(Cooperative, 1) is None


def actor_of(session: Session, name: str) -> Actor:
    """Return a person of the demo as she acts."""
    user = session.exec(select(User).where(User.email == email_of(name))).one()
    return actors.actor_for_user(session, user.id)


def found_and_join(session: Session, _settings: Settings, now: datetime) -> None:
    """Found the co-op six weeks before the quarter, let everybody join and pay, and fill the offices."""
    _, starts_at, _ = last_quarter(now)
    founded_at = starts_at - timedelta(days=42)
    founding = Founding(NAME, f"{NAME} eG", "EUR", ZONE.key, FOUNDING, is_demo=True)
    gul_email = email_of("Gul Demir")
    setup_service.found(
        session, founding=founding, name="Gul Demir", email=gul_email, password_hash=None, now=founded_at
    )
    gul = actor_of(session, "Gul Demir")
    treasurer = Actor(label="Ada Moreau", roles=frozenset({Role.TREASURER}), user_id=None)
    for index, (name, address, quarters, credit_minor) in enumerate(PEOPLE):
        at = founded_at + timedelta(days=1 + 2 * index, hours=9, minutes=7 * index)
        _join(session, name, address, quarters * MICRO_PER_SHARE // 4, gul, treasurer, at)
        if credit_minor:
            member = session.exec(select(Member).where(Member.email == email_of(name))).one()
            deposit = prepaid.deposit(
                session, actor=actor_of(session, name), member_id=member.id, amount_minor=credit_minor, now=at
            )
            payments.confirm(
                session,
                reference=deposit.reference,
                amount_minor=credit_minor,
                actor=treasurer,
                now=at + timedelta(days=2),
            )
    for name, role in (("Ada Moreau", Role.TREASURER), ("Finn Albers", Role.APPROVER), ("Lea Brandt", Role.AUDITOR)):
        user = session.exec(select(User).where(User.email == email_of(name))).one()
        offices.grant(session, user_id=user.id, role=role, actor=gul, now=starts_at - timedelta(days=14))
    _apply(session, *APPLICANT, 2 * MICRO_PER_SHARE, now - timedelta(days=2))


def _as_applicant(session: Session, name: str) -> Actor:
    """Return the person as a user where there is one already (Gul, who founded the co-op), else as a stranger."""
    user = session.exec(select(User).where(User.email == email_of(name))).first()
    return actors.actor_for_user(session, user.id) if user else Actor(label=name)


def _apply(session: Session, name: str, address: str, shares_micro: int, at: datetime) -> str:
    application = applications.apply(
        session,
        actor=_as_applicant(session, name),
        name=name,
        email=email_of(name),
        address=f"{address}, 79111 Solar Valley",
        reason="I want AI that belongs to the people who use it.",
        shares_micro=shares_micro,
        now=at,
    )
    return application.id


def _join(
    session: Session, name: str, address: str, shares_micro: int, admin: Actor, treasurer: Actor, at: datetime
) -> None:
    application_id = _apply(session, name, address, shares_micro, at)
    approved = applications.approve(session, application_id=application_id, actor=admin, now=at + timedelta(hours=5))
    payments.confirm(
        session,
        reference=approved.reference,
        amount_minor=approved.amount_minor,
        actor=treasurer,
        now=at + timedelta(days=1),
    )


def close_quarter(session: Session, _settings: Settings, now: datetime) -> None:
    """Close the last quarter up to the payout run, which waits for Finn."""
    name, starts_at, ends_at = last_quarter(now)
    ada = actor_of(session, "Ada Moreau")
    at = min(ends_at + timedelta(days=9, hours=10), now)
    period = periods.create(session, actor=ada, name=name, starts_at=starts_at, ends_at=ends_at, now=at)
    periods.complete_usage(session, actor=ada, period_id=period.id, now=at)
    for text, amount_minor in COSTS:
        periods.enter_cost(session, actor=ada, period_id=period.id, text=text, amount_minor=amount_minor, now=at)
    periods.complete_costs(session, actor=ada, period_id=period.id, now=at)
    distributions.distribute(session, actor=ada, period_id=period.id, now=at)
    payouts.prepare(session, actor=ada, period_id=period.id, now=at)


def buy_further_shares(session: Session, _settings: Settings, now: datetime) -> None:
    """Let Bo buy half a share more, which is paid, and Priya a quarter, which is still expected at the bank."""
    ada = actor_of(session, "Ada Moreau")
    for name, quantity_micro, is_paid in (("Bo Lindqvist", 500_000, True), ("Priya Nair", 250_000, False)):
        person = actor_of(session, name)
        order = shares.subscribe(session, actor=person, quantity_micro=quantity_micro, now=now - timedelta(days=6))
        if is_paid:
            payments.confirm(
                session,
                reference=order.reference,
                amount_minor=order.amount_minor,
                actor=ada,
                now=now - timedelta(days=4),
            )


def cast_links(session: Session, now: datetime) -> list[tuple[str, str]]:
    """Return (who, path of a fresh sign-in link) for the cast; nothing unless this is a demo."""
    cooperative = session.get(Cooperative, 1)
    if cooperative is None or not cooperative.is_demo:
        return []
    links = []
    for name in CAST:
        user = session.exec(select(User).where(User.email == email_of(name))).one()
        roles = ", ".join(sorted(actors.actor_for_user(session, user.id).roles)) or "member"
        token = signin_links.create(session, user_id=user.id, actor=system("demo"), now=now)
        links.append((f"{name} ({'applicant' if name == APPLICANT[0] else roles})", f"/sign-in/{token}"))
    return links

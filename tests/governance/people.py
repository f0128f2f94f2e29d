"""A founded co-op with members who vote, for tests of governance."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from coop.core.actor import Actor
from coop.core.db import Database
from coop.models.members import Member
from coop.rules.bylaws import FOUNDING, BallotRule, Fraction
from coop.services import cooperatives, policies

NAMES = ("Ada", "Bo", "Dee", "Finn", "Gul")
RULE = BallotRule(
    quorum=Fraction(numerator=2, denominator=5),
    majority=Fraction(numerator=1, denominator=2),
    voting_s=3_600,
    waiting_s=600,
)


@dataclass(frozen=True)
class Assembly:
    """A database with a co-op; `actors` act for its members, by name."""

    database: Database
    actors: dict[str, Actor]
    now: datetime

    def __getitem__(self, name: str) -> Actor:
        return self.actors[name]


def join(session: Session, name: str, number: int, at: datetime) -> Actor:
    """Add a member and return the actor for it."""
    member = Member(number=number, name=name, email=f"{name.lower()}@example.org", joined_at=at)
    session.add(member)
    session.flush()
    return Actor(label=name, user_id=f"{number:032x}", member_id=member.id)


def assemble(database: Database, now: datetime, *, names: tuple[str, ...] = NAMES, rule: BallotRule = RULE) -> Assembly:
    """Found a co-op whose members joined a day ago."""
    at = now - timedelta(days=1)
    with database.transaction() as session:
        cooperatives.found(
            session,
            name="Valley",
            legal_name="Valley eG",
            currency="EUR",
            timezone="Europe/Berlin",
            bylaws=FOUNDING.model_copy(update={"policy_ballot": rule}),
            is_demo=False,
            now=at,
        )
        policies.enact_first(session, at)
        actors = {name: join(session, name, number, at) for number, name in enumerate(names, start=1)}
    return Assembly(database, actors, now)

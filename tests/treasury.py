"""A co-op with members, capital, credit and use, for tests of periods and payouts. Figures are chosen, not typical."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from coop.core.actor import Actor, Role, system
from coop.models.members import Member, MemberUser
from coop.rules.bylaws import FOUNDING
from coop.services import cooperatives, distributions, ledger, offices, payouts, periods, users
from coop.services import credits as prepaid

STARTS_AT = datetime(2026, 4, 1, tzinfo=UTC)
ENDS_AT = datetime(2026, 7, 1, tzinfo=UTC)
CLOSED_AT = ENDS_AT + timedelta(days=9)
CLERK = system("test")


@dataclass
class Treasury:
    """The people as actors, by first name."""

    actors: dict[str, Actor] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Actor:
        try:
            return self.actors[name]
        except KeyError as error:
            raise AttributeError(name) from error


OFFICES = {"ada": Role.TREASURER, "finn": Role.APPROVER, "gul": Role.SYSADMIN, "lea": Role.AUDITOR}


def found(session: Session) -> Treasury:
    """Found the co-op: Ada, Bo, Finn, Gul and Lea are members with 50 to 250 EUR of shares and 10 EUR of credit."""
    at = STARTS_AT - timedelta(days=30)
    cooperatives.found(
        session,
        name="Valley",
        legal_name="Valley eG",
        currency="EUR",
        timezone="Europe/Berlin",
        bylaws=FOUNDING,
        is_demo=False,
        now=at,
        address="Mill Lane 4, Solar Valley",
    )
    ledger.open_chart(session)
    made = Treasury()
    for number, name in enumerate(("ada", "bo", "finn", "gul", "lea"), start=1):
        user = users.create(session, email=f"{name}@example.org", name=name.title(), now=at)
        member = Member(
            number=number, name=f"{name.title()} Öberg", email=user.email, address="Lane 1, Valley", joined_at=at
        )
        session.add(member)
        session.flush()
        session.add(MemberUser(member_id=member.id, user_id=user.id))
        roles = frozenset({OFFICES[name]} if name in OFFICES else ())
        for role in roles:
            offices.grant(session, user_id=user.id, role=role, actor=CLERK, now=at)
        made.actors[name] = Actor(label=name.title(), user_id=user.id, member_id=member.id, roles=roles)
        book(session, f"capital:{number}", "share_capital", 5_000 * number, member.id, at)
        book(session, f"credit:{number}", "member_credit", 1_000, member.id, at)
    return made


def second_user(session: Session, treasury: Treasury, *, of: str, role: Role) -> Actor:
    """Another account that acts for a member who has one already."""
    first = treasury.actors[of]
    assert first.member_id is not None
    user = users.create(session, email=f"{of}2@example.org", name=f"{of.title()} again", now=STARTS_AT)
    session.add(MemberUser(member_id=first.member_id, user_id=user.id, is_delegate=False))
    offices.grant(session, user_id=user.id, role=role, actor=CLERK, now=STARTS_AT)
    return Actor(label=user.name, user_id=user.id, member_id=first.member_id, roles=frozenset({role}))


def book(session: Session, key: str, account: str, amount_minor: int, member_id: str, at: datetime) -> None:
    """Book money that a member paid in."""
    lines = [ledger.Line("bank", amount_minor), ledger.Line(account, -amount_minor, member_id)]
    ledger.post(session, key=key, kind="test", text="", detail={}, postings=lines, actor=CLERK, now=at)


def use(
    session: Session, source: str, consumer: Actor, provider: Actor, cost_nano: int, *, used_at: datetime | None = None
) -> None:
    """Record one use of a provider's machine; its owner earns seven tenths."""
    assert consumer.member_id
    assert provider.member_id
    prepaid.record_usage(
        session,
        source_id=source,
        consumer_id=consumer.member_id,
        provider_id=provider.member_id,
        quantity=cost_nano // 20,
        cost_nano=cost_nano,
        earned_nano=cost_nano * 7 // 10,
        detail={},
        used_at=used_at or STARTS_AT + timedelta(days=20),
    )


def use_some(session: Session, treasury: Treasury) -> None:
    """Let Bo, Finn and Lea use Gul's machine for 8.12 EUR and parts of a cent."""
    use(session, "r1", treasury.bo, treasury.gul, 4_001_234_567)
    use(session, "r2", treasury.finn, treasury.gul, 3_119_000_001)
    use(session, "r3", treasury.lea, treasury.gul, 1_009_999_999)


def close(session: Session, treasury: Treasury, *, cost_minor: int = 60) -> str:
    """Close the quarter up to step 3; return the period's id."""
    ada = treasury.ada
    period = periods.create(session, actor=ada, name="Quarter 2", starts_at=STARTS_AT, ends_at=ENDS_AT, now=CLOSED_AT)
    periods.complete_usage(session, actor=ada, period_id=period.id, now=CLOSED_AT)
    if cost_minor:
        periods.enter_cost(
            session, actor=ada, period_id=period.id, text="Power", amount_minor=cost_minor, now=CLOSED_AT
        )
    periods.complete_costs(session, actor=ada, period_id=period.id, now=CLOSED_AT)
    distributions.distribute(session, actor=ada, period_id=period.id, now=CLOSED_AT)
    return period.id


def prepared(session: Session) -> tuple[Treasury, str]:
    """Return a treasury with a run that waits for its second signature."""
    treasury = found(session)
    use_some(session, treasury)
    run = payouts.prepare(session, actor=treasury.ada, period_id=close(session, treasury), now=CLOSED_AT)
    return treasury, run.id


def sign(session: Session, run_id: str, actor: Actor) -> None:
    """Approve a run over its own hash."""
    digest = payouts.get(session, run_id).content_digest
    payouts.approve(session, actor=actor, run_id=run_id, content_digest=digest, now=CLOSED_AT + timedelta(hours=1))

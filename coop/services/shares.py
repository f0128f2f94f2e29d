"""Shares: classes, subscriptions that wait for their payment, and holdings as the sum of movements up to a date."""

from datetime import datetime

from sqlmodel import Session, col, func, select, update

from coop.core.actor import Actor, Role
from coop.core.errors import Conflict, Forbidden, Invalid, NotFound
from coop.core.ids import new_code
from coop.core.money import MICRO_PER_SHARE
from coop.models.shares import ShareClass, ShareMovement, ShareSubscription
from coop.rules.shares import price_order
from coop.services import events, ledger

FOUNDING_NOMINAL_MINOR = 25_000  # price of a share until a co-op sets its own
WAITING_MAX = 20  # orders one member may have waiting for payment


def create_class(
    session: Session,
    *,
    name: str,
    nominal_minor: int,
    now: datetime,
    actor: Actor,
    least_micro: int = MICRO_PER_SHARE,
    is_membership: bool = False,
) -> ShareClass:
    """Add a class of shares. `nominal_minor` is the price of one share. Raises Invalid unless both are > 0."""
    if nominal_minor <= 0 or least_micro <= 0:
        raise Invalid("shares.class_wrong", fields={"nominal": "shares.class_wrong"})
    share_class = ShareClass(
        name=name, nominal_minor=nominal_minor, least_micro=least_micro, is_membership=is_membership
    )
    session.add(share_class)
    session.flush()
    events.record(
        session,
        kind="shares.class_created",
        subject=share_class.id,
        body={"nominal_minor": str(nominal_minor), "least_micro": str(least_micro), "is_membership": is_membership},
        actor=actor,
        now=now,
    )
    return share_class


def membership_class(session: Session) -> ShareClass:
    """Return the class that makes a member. Raises NotFound before the co-op is set up."""
    statement = select(ShareClass).where(col(ShareClass.is_membership)).order_by(col(ShareClass.id)).limit(1)
    share_class = session.exec(statement).first()
    if share_class is None:
        raise NotFound("coop.not_set_up")
    return share_class


def holding_micro(session: Session, member_id: str, at: datetime | None = None) -> int:
    """Return what a member holds as of `at`, movements at that moment included; None means all."""
    return holdings(session, at, member_id=member_id).get(member_id, 0)


def holdings(session: Session, at: datetime | None = None, *, member_id: str | None = None) -> dict[str, int]:
    """Return member id -> share_micro held as of `at`; who holds nothing is left out."""
    statement = select(ShareMovement.member_id, func.sum(ShareMovement.quantity_micro)).group_by(
        col(ShareMovement.member_id)
    )
    if at is not None:
        statement = statement.where(col(ShareMovement.moved_at) <= at)
    if member_id is not None:
        statement = statement.where(col(ShareMovement.member_id) == member_id)
    return {holder: int(quantity) for holder, quantity in session.exec(statement) if int(quantity)}


def total_micro(session: Session, at: datetime | None = None) -> int:
    """Return all shares that are held as of `at`."""
    return sum(holdings(session, at).values())


def list_movements(session: Session, member_id: str) -> list[ShareMovement]:
    """Return a member's movements, newest first."""
    statement = (
        select(ShareMovement)
        .where(col(ShareMovement.member_id) == member_id)
        .order_by(col(ShareMovement.moved_at).desc(), col(ShareMovement.id).desc())
    )
    return list(session.exec(statement))


def list_waiting(session: Session, member_id: str | None = None) -> list[ShareSubscription]:
    """Return subscriptions that wait for their payment, oldest first: of one member or of all."""
    statement = select(ShareSubscription).where(col(ShareSubscription.state) == "waiting")
    if member_id is not None:
        statement = statement.where(col(ShareSubscription.member_id) == member_id)
    return list(session.exec(statement.order_by(col(ShareSubscription.id))))


def subscribe(session: Session, *, actor: Actor, quantity_micro: int, now: datetime) -> ShareSubscription:
    """Order further shares for the member the actor acts for; they count once they are paid by the reference.

    Raises Forbidden for who is no member, Invalid for a quantity that cannot be, Conflict with too many waiting.
    """
    member_id = actor.require_member()
    share_class = membership_class(session)
    amount_minor = price_order(quantity_micro, nominal_minor=share_class.nominal_minor)
    if len(list_waiting(session, member_id)) >= WAITING_MAX:
        raise Conflict("payment.too_many_waiting", limit=WAITING_MAX)
    subscription = ShareSubscription(
        member_id=member_id,
        class_id=share_class.id,
        quantity_micro=quantity_micro,
        amount_minor=amount_minor,
        reference=f"S-{new_code(2)}",
        created_at=now,
    )
    session.add(subscription)
    session.flush()
    events.record(
        session,
        kind="shares.subscribed",
        subject=subscription.id,
        body={"member": member_id, "quantity_micro": str(quantity_micro), "amount_minor": str(amount_minor)},
        actor=actor,
        now=now,
    )
    return subscription


def cancel(session: Session, *, actor: Actor, subscription_id: str, now: datetime) -> ShareSubscription:
    """Take back an order that is not paid. Raises NotFound for somebody else's, Conflict once it is decided."""
    subscription = get_subscription(session, actor=actor, subscription_id=subscription_id)
    _decide(session, subscription_id, state="cancelled", paid_at=None)
    events.record(
        session, kind="shares.cancelled", subject=subscription_id, body={"member": subscription.member_id},
        actor=actor, now=now,
    )  # fmt: skip
    session.refresh(subscription)
    return subscription


def get_subscription(session: Session, *, actor: Actor, subscription_id: str) -> ShareSubscription:
    """Return an order that is the actor's own, or any for a treasurer. Raises NotFound otherwise."""
    subscription = session.get(ShareSubscription, subscription_id)
    if subscription is None or not (subscription.member_id == actor.member_id or actor.has_role(Role.TREASURER)):
        raise NotFound("shares.subscription_unknown")
    return subscription


def settle(session: Session, *, subscription: ShareSubscription, actor: Actor, now: datetime) -> str:
    """Count a subscription as paid: ledger, then movement. Returns the entry's id. Raises Conflict once decided."""
    _decide(session, subscription.id, state="paid", paid_at=now)
    return issue(
        session,
        member_id=subscription.member_id,
        class_id=subscription.class_id,
        quantity_micro=subscription.quantity_micro,
        amount_minor=subscription.amount_minor,
        key=f"shares:{subscription.id}",
        reference=subscription.reference,
        actor=actor,
        now=now,
    )


def issue(
    session: Session,
    *,
    member_id: str,
    class_id: str,
    quantity_micro: int,
    amount_minor: int,
    key: str,
    reference: str,
    actor: Actor,
    now: datetime,
) -> str:
    """Book the payment of shares and move them to the member. Returns the entry's id. Callers guard the state."""
    entry = ledger.post(
        session,
        key=key,
        kind="shares.paid",
        text=f"Shares paid, {reference}",
        detail={"reference": reference, "quantity_micro": str(quantity_micro)},
        postings=[ledger.debit("bank", amount_minor), ledger.credit("share_capital", amount_minor, member_id)],
        actor=actor,
        now=now,
    )
    session.add(
        ShareMovement(
            member_id=member_id, class_id=class_id, quantity_micro=quantity_micro, entry_id=entry.id,
            reason="paid", moved_at=now,
        )
    )  # fmt: skip
    session.flush()
    events.record(
        session,
        kind="shares.issued",
        subject=member_id,
        body={"member": member_id, "quantity_micro": str(quantity_micro), "entry": entry.id},
        actor=actor,
        now=now,
    )
    return entry.id


def require_own(actor: Actor, member_id: str) -> None:
    """Let a member act for itself, and processes for anybody. Raises Forbidden."""
    if not actor.is_system and actor.require_member() != member_id:
        raise Forbidden("access.not_yours")


def _decide(session: Session, subscription_id: str, *, state: str, paid_at: datetime | None) -> None:
    statement = (
        update(ShareSubscription)
        .where(col(ShareSubscription.id) == subscription_id, col(ShareSubscription.state) == "waiting")
        .values(state=state, paid_at=paid_at)
    )
    if session.exec(statement).rowcount != 1:
        raise Conflict("payment.already_decided")

"""Receipts come in from nodes and from gateways, in any order and more than once, and count exactly once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, func, select, update

from coop.core.actor import Actor, Role, system
from coop.core.errors import CoopError, NotFound, Tampered
from coop.core.money import divide_half_even
from coop.core.policy.evaluate import compile_policy
from coop.core.policy.schema import read_document
from coop.core.signing import canonical
from coop.services import cooperatives, events, policies
from coop.services import credits as credit_service
from orchestrator.models.keys import ApiKey, BudgetLease, Receipt
from orchestrator.models.nodes import Node
from orchestrator.rules import identity, receipts
from orchestrator.rules.receipts import ReceiptBody
from orchestrator.services import budgets, keys, nodes

COUNTERSIGN_WITHIN = timedelta(minutes=10)
BATCH_MAX = 500
PAGE_MAX = 200


@dataclass(frozen=True)
class Usage:
    """A member's use of the grid. `receipts` are the newest, PAGE_MAX at most; the sums are over all."""

    receipts: tuple[Receipt, ...]
    count: int
    tokens: int
    cost_nano: int


def accept(session: Session, *, sender: str, receipt: dict[str, Any], signature: str, now: datetime) -> Receipt:
    """Take a receipt that a node delivers. `sender` is the node's name as its subject proves it.

    Raises Tampered where anything in it does not hold; a second delivery of the same receipt changes nothing.
    """
    body = receipts.read(receipt)
    if body.node != sender:
        raise Tampered("receipt.wrong_sender", receipt=body.id)
    return _store(session, body, signature, now)


def countersign(
    session: Session,
    *,
    sender: str,
    gateway_key: str,
    receipt: dict[str, Any],
    node_signature: str,
    gateway_signature: str,
    now: datetime,
) -> Receipt:
    """Take a gateway's signature over a receipt, whether the node's own delivery came before or comes after it.

    `sender` is the gateway's name, `gateway_key` its public nkey. Raises Tampered.
    """
    body = receipts.read(receipt)
    if body.gateway != sender:
        raise Tampered("receipt.wrong_sender", receipt=body.id)
    identity.verify(gateway_key, receipts.signed_bytes(body), gateway_signature)
    row = _store(session, body, node_signature, now)
    session.exec(
        update(Receipt)
        .where(col(Receipt.id) == row.id, col(Receipt.gateway_signature).is_(None))
        .values(gateway_signature=gateway_signature)
    )
    session.exec(
        update(Receipt).where(col(Receipt.id) == row.id, col(Receipt.state) == "half").values(state="complete")
    )
    session.refresh(row)
    return row


def _store(session: Session, body: ReceiptBody, signature: str, now: datetime) -> Receipt:
    known = session.get(Receipt, body.id)
    if known is not None:
        if canonical(known.body) != receipts.signed_bytes(body):
            raise Tampered("receipt.other_content", receipt=body.id)
        return known
    node = _check(session, body, signature)
    is_covered = budgets.settle(session, lease_id=body.lease_id, cost_nano=body.cost)
    row = Receipt(
        id=body.id,
        lease_id=body.lease_id,
        key_id=body.key_id,
        member_id=body.member_id,
        node_id=node.id,
        model=body.model,
        tokens=body.tokens,
        cost_nano=body.cost,
        body=body.model_dump(mode="json"),
        node_signature=signature,
        state="half" if is_covered else "flagged",
        received_at=now,
    )
    session.add(row)
    session.flush()
    keys.note_used(session, key_id=body.key_id, now=now)
    if is_covered:
        _book(session, body, node, now)
    else:
        _record_flag(session, row, "receipt.not_covered", now)
    return row


def _check(session: Session, body: ReceiptBody, signature: str) -> Node:
    """Check all that a receipt claims against what we know. Raises Tampered."""
    try:
        node = nodes.get_by_name(session, body.node)
    except NotFound as error:
        raise Tampered("receipt.unknown_node", receipt=body.id) from error
    receipts.check(body, node_key=node.public_key, signature=signature)
    lease = session.get(BudgetLease, body.lease_id)
    key = session.get(ApiKey, body.key_id)
    is_ours = (
        lease is not None
        and key is not None
        and lease.member_id == key.member_id == body.member_id
        and lease.gateway == body.gateway
    )
    if not is_ours:
        raise Tampered("receipt.wrong_lease", receipt=body.id)
    assert lease is not None
    if body.cost > lease.amount_nano:  # no gateway orders work that its slice does not cover
        raise Tampered("receipt.over_lease", receipt=body.id)
    _check_price(session, body)
    return node


def _check_price(session: Session, body: ReceiptBody) -> None:
    """Check that the named policy is one of ours and sets this price."""
    try:
        policy = policies.get(session, body.policy.epoch, body.policy.version)
    except CoopError as error:
        raise Tampered("receipt.unknown_policy", receipt=body.id) from error
    if policy.digest != body.policy.digest:
        raise Tampered("receipt.unknown_policy", receipt=body.id)
    compiled = compile_policy(read_document(policy.body))
    if compiled.price_micro(body.model, body.is_member) != int(body.price_micro) or not body.is_member:
        raise Tampered("receipt.wrong_price", receipt=body.id)


def _book(session: Session, body: ReceiptBody, node: Node, now: datetime) -> None:
    """Tell the co-op's books who used what and what the machine's owner earns, at the by-laws' share.

    The moment is ours, not the node's: a late receipt falls into the period in which it came.
    """
    _, bylaws = cooperatives.current_bylaws(session, now)
    share = bylaws.owner_share
    earned = divide_half_even(body.cost * share.numerator, share.denominator)
    credit_service.record_usage(
        session,
        source_id=body.id,
        consumer_id=body.member_id,
        provider_id=node.owner_id,
        quantity=body.tokens,
        cost_nano=body.cost,
        earned_nano=earned,
        detail={
            "model": body.model,
            "node": body.node,
            "price_micro": body.price_micro,
            "policy": body.policy.model_dump(),
            "finished_at": body.finished_at,
        },
        used_at=now,
    )


def _record_flag(session: Session, row: Receipt, reason: str, now: datetime) -> None:
    body: dict[str, object] = {"reason": reason, "node": row.node_id}
    events.record(session, kind="receipt.flagged", subject=row.id, body=body, actor=system("receipts"), now=now)


def flag_overdue(session: Session, now: datetime) -> int:
    """Flag receipts that no gateway countersigned in time; they stay settled by the node's word. Returns how many."""
    statement = select(Receipt).where(Receipt.state == "half", col(Receipt.received_at) <= now - COUNTERSIGN_WITHIN)
    count = 0
    for row in session.exec(statement.order_by(col(Receipt.id)).limit(BATCH_MAX)):
        flagged = session.exec(
            update(Receipt).where(col(Receipt.id) == row.id, col(Receipt.state) == "half").values(state="flagged")
        )
        if flagged.rowcount:
            _record_flag(session, row, "receipt.not_countersigned", now)
            count += 1
    return count


def usage_of_member(session: Session, *, actor: Actor) -> Usage:
    """Return what the actor's member used."""
    mine = col(Receipt.member_id) == actor.require_member()
    total = session.exec(
        select(func.count(), func.coalesce(func.sum(Receipt.tokens), 0), func.coalesce(func.sum(Receipt.cost_nano), 0))
        .select_from(Receipt)
        .where(mine)
    ).one()
    newest = session.exec(select(Receipt).where(mine).order_by(col(Receipt.received_at).desc()).limit(PAGE_MAX))
    return Usage(tuple(newest), int(total[0]), int(total[1]), int(total[2]))


def get(session: Session, *, receipt_id: str, actor: Actor) -> Receipt:
    """Return one receipt to who paid it or keeps the books. Raises NotFound for everybody else."""
    row = session.get(Receipt, receipt_id)
    may_see = row is not None and (
        row.member_id == actor.member_id or actor.has_role(Role.TREASURER, Role.APPROVER, Role.AUDITOR)
    )
    if row is None or not may_see:
        raise NotFound("receipt.unknown")
    return row


def count_waiting(session: Session) -> int:
    """Return how many receipts still wait for a countersignature."""
    return session.exec(select(func.count()).select_from(Receipt).where(Receipt.state == "half")).one()

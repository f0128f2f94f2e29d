"""The ledger: double entry, append-only, idempotent. Corrections are reversals. Debits positive, credits negative."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from coop.core.actor import Actor, Role
from coop.core.errors import Conflict, NotFound
from coop.core.ids import new_id
from coop.models.ledger import Account, Entry, Posting
from coop.rules.ledger import CHART, Line, check_lines, credit, debit, inputs_digest, mirrored
from coop.services import events
from coop.services.ledger_reports import (
    ENTRIES_PER_PAGE,
    EntryView,
    Problem,
    TrialRow,
    count_entries,
    export_csv,
    list_entries,
    show_entry,
    trial_balance,
    verify,
)

KEY_MAX = 160
TEXT_MAX = 400


def open_chart(session: Session) -> None:
    """Write the founding chart of accounts; accounts that are there stay as they are."""
    known = set(session.exec(select(Account.code)))
    session.add_all(Account(**row._asdict()) for row in CHART if row.code not in known)
    session.flush()


def post(
    session: Session,
    *,
    key: str,
    kind: str,
    text: str,
    detail: dict[str, object],
    postings: Sequence[Line],
    actor: Actor,
    now: datetime,
) -> Entry:
    """Book one entry and return it; the same key with the same inputs returns the entry that is there.

    Raises Conflict `ledger.key_reused` for the same key with other inputs. Callers have checked that the actor may.
    """
    return _book(
        session, key=key, kind=kind, text=text, detail=detail, lines=postings, reverses_id=None, actor=actor, now=now
    )


def reverse(session: Session, *, entry_id: str, key: str, reason: str, actor: Actor, now: datetime) -> Entry:
    """Undo an entry by booking its mirror image, which names it. Once only, and never of a reversal.

    Raises Forbidden unless a treasurer or a process acts, NotFound, Conflict.
    """
    if not actor.is_system:
        actor.require_role(Role.TREASURER)
    entry = session.get(Entry, entry_id)
    if entry is None:
        raise NotFound("ledger.entry_unknown")
    if entry.reverses_id is not None:
        raise Conflict("ledger.is_reversal")
    done = session.exec(select(Entry).where(col(Entry.reverses_id) == entry_id)).first()
    if done is not None and done.idempotency_key != key:
        raise Conflict("ledger.already_reversed", entry=done.id)
    return _book(
        session,
        key=key,
        kind="reversal",
        text=reason,
        detail={"reverses": entry_id},
        lines=mirrored(lines_of(session, entry_id)),
        reverses_id=entry_id,
        actor=actor,
        now=now,
    )


def lines_of(session: Session, entry_id: str) -> list[Line]:
    """Return the lines of an entry as they were booked."""
    rows = session.exec(select(Posting).where(col(Posting.entry_id) == entry_id).order_by(col(Posting.id)))
    return [Line(row.account_code, row.amount_minor, row.member_id) for row in rows]


def balance(session: Session, account: str, member_id: str | None = None, at: datetime | None = None) -> int:
    """Return an account's balance in minor units: debits minus credits, so what is owed to members is negative.

    member_id: only that sub-account. at: as of that moment, entries booked at it included; None means all.
    """
    statement = select(func.coalesce(func.sum(Posting.amount_minor), 0)).where(col(Posting.account_code) == account)
    if member_id is not None:
        statement = statement.where(col(Posting.member_id) == member_id)
    if at is not None:
        statement = statement.join(Entry, col(Entry.id) == col(Posting.entry_id)).where(col(Entry.booked_at) <= at)
    return int(session.exec(statement).one())


def member_balances(session: Session, account: str, at: datetime | None = None) -> dict[str, int]:
    """Return member id -> balance (debits minus credits) of an account kept per member; zero balances are left out."""
    statement = (
        select(Posting.member_id, func.sum(Posting.amount_minor))
        .where(col(Posting.account_code) == account, col(Posting.member_id).is_not(None))
        .group_by(col(Posting.member_id))
    )
    if at is not None:
        statement = statement.join(Entry, col(Entry.id) == col(Posting.entry_id)).where(col(Entry.booked_at) <= at)
    return {str(member_id): int(amount) for member_id, amount in session.exec(statement) if int(amount)}


def _book(
    session: Session,
    *,
    key: str,
    kind: str,
    text: str,
    detail: dict[str, object],
    lines: Sequence[Line],
    reverses_id: str | None,
    actor: Actor,
    now: datetime,
) -> Entry:
    assert 0 < len(key) <= KEY_MAX, "an idempotency key is short and never empty"
    text = text[:TEXT_MAX]
    wanted = inputs_digest(kind=kind, text=text, detail=detail, lines=lines, reverses_id=reverses_id)
    known = _known(session, key, wanted)
    if known is not None:
        return known
    accounts = {line.account for line in lines}
    rows = session.exec(select(Account.code, Account.is_per_member).where(col(Account.code).in_(accounts)))
    check_lines(lines, {code: bool(is_per_member) for code, is_per_member in rows})
    entry = Entry(
        id=new_id(),
        idempotency_key=key,
        inputs_digest=wanted,
        kind=kind,
        text=text,
        detail=detail,
        reverses_id=reverses_id,
        booked_at=now,
        booked_by=actor.label,
    )
    try:
        with session.begin_nested():
            session.add(entry)
    except IntegrityError as error:  # another transaction booked this key, or this reversal, in between
        known = _known(session, key, wanted)
        if known is None:
            raise Conflict("ledger.already_reversed", entry=reverses_id) from error
        return known
    session.add_all(
        Posting(entry_id=entry.id, account_code=line.account, member_id=line.member_id, amount_minor=line.amount_minor)
        for line in lines
    )
    session.flush()
    events.record(
        session,
        kind="ledger.posted",
        subject=entry.id,
        body={"entry": entry.id, "kind": kind, "inputs_digest": wanted},
        actor=actor,
        now=now,
    )
    return entry


def _known(session: Session, key: str, wanted: str) -> Entry | None:
    entry = session.exec(select(Entry).where(col(Entry.idempotency_key) == key)).first()
    if entry is not None and entry.inputs_digest != wanted:
        raise Conflict("ledger.key_reused", key=key)
    return entry


__all__ = [
    "CHART",
    "ENTRIES_PER_PAGE",
    "EntryView",
    "Line",
    "Problem",
    "TrialRow",
    "balance",
    "count_entries",
    "credit",
    "debit",
    "export_csv",
    "lines_of",
    "list_entries",
    "member_balances",
    "open_chart",
    "post",
    "reverse",
    "show_entry",
    "trial_balance",
    "verify",
]

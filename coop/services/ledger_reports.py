"""Reads the ledger: trial balance, entries, the CSV export, and the check that recomputes it all. Writes nothing."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from coop.core.clock import iso
from coop.core.errors import NotFound, Value
from coop.core.money import EXPONENTS, decimal_text
from coop.models.events import Event
from coop.models.ledger import Account, Entry, Posting
from coop.models.members import Member
from coop.rules.cells import safe_cell
from coop.rules.ledger import Line, inputs_digest, mirrored
from coop.services import cooperatives

ENTRIES_PER_PAGE = 50
CSV_HEAD = ("entry", "booked_at", "kind", "text", "account", "account_name", "member", "debit", "credit", "currency",
            "reverses", "booked_by")  # fmt: skip


@dataclass(frozen=True)
class TrialRow:
    """An account in the trial balance; one of `debit_minor` and `credit_minor` is 0."""

    code: str
    number: int
    name: str
    kind: str
    debit_minor: int
    credit_minor: int

    @property
    def balance_minor(self) -> int:
        """Debits minus credits."""
        return self.debit_minor - self.credit_minor


@dataclass(frozen=True)
class LineView:
    """A line of an entry as people read it."""

    account: str
    account_name: str
    member_number: int | None
    member_name: str
    debit_minor: int
    credit_minor: int


@dataclass(frozen=True)
class EntryView:
    """An entry as people read it. `total_minor` is the sum of its debits."""

    id: str
    key: str
    kind: str
    text: str
    booked_at: datetime
    booked_by: str
    reverses_id: str | None
    reversed_by_id: str | None
    total_minor: int
    lines: tuple[LineView, ...]


@dataclass(frozen=True)
class Problem:
    """Something in the ledger that does not hold: a code and the values of its sentence."""

    code: str
    values: dict[str, Value]

    def __str__(self) -> str:
        return " ".join([self.code, *(f"{name}={value}" for name, value in self.values.items())])


def trial_balance(session: Session, at: datetime | None = None) -> list[TrialRow]:
    """Return every account by number with its balance as of `at` (entries booked at it included; None: all)."""
    statement = select(Posting.account_code, func.sum(Posting.amount_minor)).group_by(col(Posting.account_code))
    if at is not None:
        statement = statement.join(Entry, col(Entry.id) == col(Posting.entry_id)).where(col(Entry.booked_at) <= at)
    sums = {code: int(amount) for code, amount in session.exec(statement)}
    accounts = session.exec(select(Account).order_by(col(Account.number)))
    return [
        TrialRow(
            row.code, row.number, row.name, row.kind, max(sums.get(row.code, 0), 0), max(-sums.get(row.code, 0), 0)
        )
        for row in accounts
    ]


def count_entries(session: Session) -> int:
    """Return how many entries there are."""
    return session.exec(select(func.count()).select_from(Entry)).one()


def list_entries(session: Session, *, page: int = 1, limit: int = ENTRIES_PER_PAGE) -> list[EntryView]:
    """Return one page of entries with their lines, newest first; pages count from 1."""
    statement = (
        select(Entry)
        .order_by(col(Entry.booked_at).desc(), col(Entry.id).desc())
        .limit(limit)
        .offset((max(page, 1) - 1) * limit)
    )
    return _views(session, list(session.exec(statement)))


def show_entry(session: Session, entry_id: str) -> EntryView:
    """Return one entry with its lines. Raises NotFound."""
    entry = session.get(Entry, entry_id)
    if entry is None:
        raise NotFound("ledger.entry_unknown")
    return _views(session, [entry])[0]


def _views(session: Session, entries: list[Entry]) -> list[EntryView]:
    ids = [entry.id for entry in entries]
    reversals = dict(session.exec(select(Entry.reverses_id, Entry.id).where(col(Entry.reverses_id).in_(ids))).all())
    statement = (
        select(Posting, Account.name, Member.number, Member.name)
        .join(Account, col(Account.code) == col(Posting.account_code))
        .join(Member, col(Member.id) == col(Posting.member_id), isouter=True)
        .where(col(Posting.entry_id).in_(ids))
        .order_by(col(Posting.amount_minor).desc(), col(Account.number), col(Member.number))
    )
    lines: dict[str, list[LineView]] = defaultdict(list)
    for posting, account_name, number, name in session.exec(statement):
        amount = posting.amount_minor
        view = LineView(posting.account_code, account_name, number, name or "", max(amount, 0), max(-amount, 0))
        lines[posting.entry_id].append(view)
    return [
        EntryView(
            entry.id,
            entry.idempotency_key,
            entry.kind,
            entry.text,
            entry.booked_at,
            entry.booked_by,
            entry.reverses_id,
            reversals.get(entry.id),
            sum(line.debit_minor for line in lines[entry.id]),
            tuple(lines[entry.id]),
        )
        for entry in entries
    ]


def export_csv(session: Session) -> str:
    """Return the whole ledger as CSV, one row a line, oldest first; safe to open in a spreadsheet."""
    currency = cooperatives.get(session).currency
    places = EXPONENTS[currency]
    statement = (
        select(Entry, Posting, Account.name, Member.number)
        .join(Posting, col(Posting.entry_id) == col(Entry.id))
        .join(Account, col(Account.code) == col(Posting.account_code))
        .join(Member, col(Member.id) == col(Posting.member_id), isouter=True)
        .order_by(col(Entry.booked_at), col(Entry.id), col(Account.number), col(Member.number), col(Posting.id))
    )
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_HEAD)
    for entry, posting, account_name, number in session.exec(statement):
        amount = posting.amount_minor
        writer.writerow(
            (
                entry.id,
                iso(entry.booked_at),
                safe_cell(entry.kind),
                safe_cell(entry.text),
                posting.account_code,
                safe_cell(account_name),
                "" if number is None else number,
                decimal_text(amount, places) if amount > 0 else "",
                decimal_text(-amount, places) if amount < 0 else "",
                currency,
                entry.reverses_id or "",
                safe_cell(entry.booked_by),
            )
        )
    return out.getvalue()


def verify(session: Session) -> list[Problem]:
    """Recompute the ledger and return what does not hold; an empty list means that all of it does."""
    lines: dict[str, list[Line]] = defaultdict(list)
    for posting in session.exec(select(Posting)):
        lines[posting.entry_id].append(Line(posting.account_code, posting.amount_minor, posting.member_id))
    is_per_member = dict(session.exec(select(Account.code, Account.is_per_member)).all())
    announced = set(session.exec(select(Event.subject).where(col(Event.kind) == "ledger.posted")))
    problems: list[Problem] = []
    for entry in session.exec(select(Entry).order_by(col(Entry.id))):
        found = _check_entry(entry, lines, is_per_member)
        if entry.id not in announced:
            found.append("ledger.event_missing")
        problems.extend(Problem(code, {"entry": entry.id}) for code in found)
    if _sum(line for each in lines.values() for line in each) != 0:
        problems.append(Problem("ledger.total_not_zero", {}))
    return problems


def _check_entry(entry: Entry, lines: dict[str, list[Line]], is_per_member: dict[str, bool]) -> list[str]:
    own = lines[entry.id]
    codes = []
    if _sum(own) != 0 or len(own) < 2:
        codes.append("ledger.entry_unbalanced")
    if any(is_per_member[line.account] != (line.member_id is not None) for line in own):
        codes.append("ledger.sub_account_wrong")
    wanted = inputs_digest(
        kind=entry.kind, text=entry.text, detail=entry.detail, lines=own, reverses_id=entry.reverses_id
    )
    if wanted != entry.inputs_digest:
        codes.append("ledger.entry_altered")
    if entry.reverses_id is not None and not _is_same(own, mirrored(lines[entry.reverses_id])):
        codes.append("ledger.reversal_differs")
    return codes


def _is_same(first: Iterable[Line], second: Iterable[Line]) -> bool:
    return sorted(map(repr, first)) == sorted(map(repr, second))


def _sum(lines: Iterable[Line]) -> int:
    return sum(line.amount_minor for line in lines)

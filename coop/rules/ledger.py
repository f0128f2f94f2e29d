"""What makes a booking right: lines that balance on accounts that fit. Debits are positive, credits negative."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from coop.core.errors import Invalid
from coop.core.money import AMOUNT_MINOR_MAX
from coop.core.signing import digest

LINES_MAX = 20_000  # lines of one entry; a payout run books one line a member


@dataclass(frozen=True)
class Line:
    """One line of an entry: `amount_minor` > 0 debits the account, < 0 credits it."""

    account: str
    amount_minor: int
    member_id: str | None = None


def debit(account: str, amount_minor: int, member_id: str | None = None) -> Line:
    """Return a line that debits: more assets or expense, less liability, equity or income. `amount_minor` > 0."""
    assert amount_minor > 0, "a debit names a positive amount"
    return Line(account, amount_minor, member_id)


def credit(account: str, amount_minor: int, member_id: str | None = None) -> Line:
    """Return a line that credits: more liability, equity or income, less assets or expense. `amount_minor` > 0."""
    assert amount_minor > 0, "a credit names a positive amount"
    return Line(account, -amount_minor, member_id)


class ChartRow(NamedTuple):
    """An account of the founding chart."""

    code: str
    number: int
    name: str
    kind: str
    is_per_member: bool


CHART = (
    ChartRow("bank", 1000, "Bank", "asset", False),
    ChartRow("share_capital", 2000, "Share capital", "equity", True),
    ChartRow("reserve", 2100, "Reserve", "equity", False),
    ChartRow("result_carried", 2200, "Result carried forward", "equity", False),
    ChartRow("member_credit", 3000, "Prepaid credit of members", "liability", True),
    ChartRow("provider_payable", 3100, "Owed to machine owners", "liability", True),
    ChartRow("surplus_payable", 3200, "Surplus owed to members", "liability", True),
    ChartRow("rounding", 3300, "Rounding carried forward", "liability", False),
    ChartRow("usage_income", 4000, "Income from use", "income", False),
    ChartRow("provider_pay", 5000, "Pay for computing", "expense", False),
    ChartRow("operating_cost", 5100, "Operating costs", "expense", False),
)


def check_lines(lines: Sequence[Line], is_per_member: Mapping[str, bool]) -> None:
    """Let lines pass that may be booked together. `is_per_member`: account code -> kept per member.

    Raises Invalid for an unknown account, a missing or unexpected member, or an amount out of bounds; AssertionError
    for lines that do not sum to zero, because no input of a person may lead there.
    """
    assert 2 <= len(lines) <= LINES_MAX, "an entry has between two and LINES_MAX lines"
    for line in lines:
        if line.account not in is_per_member:
            raise Invalid("ledger.account_unknown", account=line.account)
        if is_per_member[line.account] and line.member_id is None:
            raise Invalid("ledger.member_missing", account=line.account)
        if not is_per_member[line.account] and line.member_id is not None:
            raise Invalid("ledger.member_unexpected", account=line.account)
        if line.amount_minor == 0 or abs(line.amount_minor) > AMOUNT_MINOR_MAX:
            raise Invalid("ledger.amount_out_of_bounds", account=line.account)
    assert sum(line.amount_minor for line in lines) == 0, "debits and credits differ"


def inputs_digest(
    *, kind: str, text: str, detail: Mapping[str, object], lines: Iterable[Line], reverses_id: str | None
) -> str:
    """Return the SHA-256 of everything an entry says, whatever its lines' order. `now` and actor are not in it."""
    ordered = sorted((line.account, line.member_id or "", str(line.amount_minor)) for line in lines)
    return digest(
        {
            "kind": kind,
            "text": text,
            "detail": dict(detail),
            "lines": [list(line) for line in ordered],
            "reverses": reverses_id or "",
        }
    )


def mirrored(lines: Iterable[Line]) -> list[Line]:
    """Return the lines that undo the given ones."""
    return [Line(line.account, -line.amount_minor, line.member_id) for line in lines]

"""Who may sign a payout run, and the frozen content that is signed. Pure: the service asks here before it acts."""

from collections.abc import Collection, Mapping, Sequence

from coop.core.money import decimal_text, parse_decimal

CONTENT_FORMAT = "allmende.payout-run/1"


def why_not_approve(
    *,
    preparer_user: str,
    preparer_members: Collection[str],
    approver_user: str | None,
    approver_members: Collection[str],
) -> str | None:
    """Return the code of what forbids this person the second signature, or None.

    Two accounts of one member are one human here: an approval needs another user and another member.
    """
    if approver_user is None:
        return "payout.approver_unknown"
    if approver_user == preparer_user:
        return "payout.own_run"
    if set(preparer_members) & set(approver_members):
        return "payout.same_member"
    return None


def sum_of_rows(rows: Sequence[Mapping[str, object]], places: int) -> int:
    """Return the minor units that the rows of a run add up to, each checked against its own lines.

    Raises AssertionError when a row is not the sum of its lines: such content is never frozen and never believed.
    """
    total = 0
    for row in rows:
        lines = row["lines"]
        assert isinstance(lines, list)
        amount = minor_of(row["amount"], places)
        assert amount == sum(minor_of(line["amount"], places) for line in lines), "a payout is the sum of its lines"
        total += amount
    return total


def minor_of(text: object, places: int) -> int:
    """Read a decimal string of a frozen document."""
    assert isinstance(text, str)
    return parse_decimal(text, places=places)


def signed_text(minor: int, places: int) -> str:
    """Write an amount that may be negative (a loss) as a decimal string."""
    return ("-" if minor < 0 else "") + decimal_text(abs(minor), places)

"""What changes between two policies, and what one policy says, as codes and values; never sentences."""

from dataclasses import dataclass, field

from coop.core.errors import Value
from coop.core.money import decimal_text
from coop.core.policy.schema import Hours, PolicyDocument, Price, Window

DAILY = (0, 1, 2, 3, 4, 5, 6)
WEEKDAYS = (0, 1, 2, 3, 4)
WEEKEND = (5, 6)


@dataclass(frozen=True)
class Change:
    """One sentence: its code and values. Prices are nano-units of the major unit per million tokens."""

    code: str
    values: dict[str, Value] = field(default_factory=dict)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _days(window: Window) -> list[str]:
    """Return the endings of the codes that name the days: one for a usual group, else one per day."""
    days = tuple(window.days)
    groups = {DAILY: "daily", WEEKDAYS: "weekdays", WEEKEND: "weekend"}
    return [groups[days]] if days in groups else [f"day{day}" for day in days]


def _windows(hours: Hours | None) -> dict[tuple[str, str, str], None]:
    """Return (days, from, until) of all windows, in order, each once."""
    found: dict[tuple[str, str, str], None] = {}
    for window in hours.open if hours else ():
        for ending in _days(window):
            found[ending, _clock(window.from_minute), _clock(window.until_minute)] = None
    return found


def _sentences(kind: str, windows: list[tuple[str, str, str]], timezone: str) -> list[Change]:
    return [
        Change(f"policy.{kind}_{days}", {"from": begin, "until": end, "timezone": timezone})
        for days, begin, end in windows
    ]


def _hours_changes(before: Hours | None, after: Hours | None) -> list[Change]:
    if before == after:
        return []
    if after is None:
        return [Change("policy.hours_removed")]
    if before is None:
        return [Change("policy.hours_added"), *_sentences("open", list(_windows(after)), after.timezone)]
    changes = []
    old, new = _windows(before), _windows(after)
    if before.timezone != after.timezone:
        changes.append(Change("policy.hours_timezone", {"before": before.timezone, "after": after.timezone}))
    changes += _sentences("closed", [window for window in old if window not in new], before.timezone)
    changes += _sentences("open", [window for window in new if window not in old], after.timezone)
    return changes or [Change("policy.hours_reordered")]


def _discount(price: Price) -> str:
    """Return the member discount in percent, e.g. `12.5 %`; as a fraction where two places are not enough."""
    ratio = price.member_discount
    hundredths, rest = divmod(ratio.numerator * 10_000, ratio.denominator)
    if rest:
        return f"{ratio.numerator}/{ratio.denominator}"
    return f"{decimal_text(hundredths, 2).rstrip('0').rstrip('.')} %"


def _price_changes(before: Price, after: Price) -> list[Change]:
    changes = []
    for name in ("default", "floor", "ceiling"):
        old, new = getattr(before, f"{name}_micro"), getattr(after, f"{name}_micro")
        if old != new:
            changes.append(
                Change(f"policy.price_{name}_changed", {"before_nano": old * 1_000, "after_nano": new * 1_000})
            )
    if before.member_discount != after.member_discount:
        changes.append(Change("policy.discount_changed", {"before": _discount(before), "after": _discount(after)}))
    return changes


def list_changes(before: PolicyDocument, after: PolicyDocument) -> list[Change]:
    """Return what changes from one policy to the other; empty when nothing does."""
    return _hours_changes(before.hours, after.hours) + _price_changes(before.price, after.price)


def list_same(before: PolicyDocument, after: PolicyDocument) -> list[str]:
    """Return the names of the sections that stay as they are."""
    return [name for name in ("hours", "price") if getattr(before, name) == getattr(after, name)]


def list_clauses(document: PolicyDocument) -> list[Change]:
    """Return what a policy says."""
    if document.hours is None:
        clauses = [Change("policy.always_open")]
    else:
        clauses = _sentences("open", list(_windows(document.hours)), document.hours.timezone)
    price = document.price
    for name in ("default", "floor", "ceiling"):
        clauses.append(Change(f"policy.price_{name}", {"price_nano": getattr(price, f"{name}_micro") * 1_000}))
    if price.member_discount.numerator:
        clauses.append(Change("policy.discount", {"discount": _discount(price)}))
    return clauses

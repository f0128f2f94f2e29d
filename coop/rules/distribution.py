"""How a surplus is shared by the by-laws' rule: first the reserve, then capital up to its cap, the rest by use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coop.core.money import fraction_floor, split
from coop.rules.bylaws import DistributionRule

YEAR_S = 365 * 86_400


@dataclass(frozen=True)
class Part:
    """One member's part of a step. `has_spare_cent`: its remainder was among the largest and got a unit more."""

    member_id: str
    weight_minor: int
    amount_minor: int
    has_spare_cent: bool


@dataclass(frozen=True)
class Shared:
    """A distributed result: surplus = reserve + capital + use + carried. A loss is all in `carried_minor` (< 0)."""

    surplus_minor: int
    reserve_minor: int
    capital_minor: int
    capital_cap_minor: int
    use_minor: int
    carried_minor: int
    capital_parts: tuple[Part, ...]
    use_parts: tuple[Part, ...]

    @property
    def shared_minor(self) -> int:
        """Return what goes to members."""
        return self.capital_minor + self.use_minor


def share_out(
    surplus_minor: int,
    rule: DistributionRule,
    *,
    members: Sequence[str],
    paid_in_minor: Mapping[str, int],
    used_minor: Mapping[str, int],
    period_s: int,
    rotation: int,
) -> Shared:
    """Share a surplus, or carry a loss.

    members: all that may get something, in a stable order (by number); ties rotate by `rotation`, the period's index.
    paid_in_minor, used_minor: member -> capital at the period's end, member -> use posted in the period; absent is 0.
    Without any use the part by use is carried; without any capital there is no part by capital.
    """
    capital = [paid_in_minor.get(member, 0) for member in members]
    use = [used_minor.get(member, 0) for member in members]
    cap = rule.capital_cap_per_year
    cap_minor = fraction_floor(sum(capital) * period_s, cap.numerator, cap.denominator * YEAR_S)
    if surplus_minor <= 0:
        return Shared(surplus_minor, 0, 0, cap_minor, 0, surplus_minor, (), ())
    reserve_minor = fraction_floor(surplus_minor, rule.reserve.numerator, rule.reserve.denominator)
    rest = surplus_minor - reserve_minor
    capital_minor = min(fraction_floor(rest, rule.capital.numerator, rule.capital.denominator), cap_minor)
    by_use = rest - capital_minor
    use_minor = by_use if sum(use) else 0
    shared = Shared(
        surplus_minor=surplus_minor,
        reserve_minor=reserve_minor,
        capital_minor=capital_minor,
        capital_cap_minor=cap_minor,
        use_minor=use_minor,
        carried_minor=by_use - use_minor,
        capital_parts=_parts(capital_minor, members, capital, rotation),
        use_parts=_parts(use_minor, members, use, rotation),
    )
    assert shared.reserve_minor + shared.shared_minor + shared.carried_minor == surplus_minor
    return shared


def _parts(total: int, members: Sequence[str], weights: Sequence[int], rotation: int) -> tuple[Part, ...]:
    """Return the parts of members with a weight."""
    weight_sum = sum(weights)
    amounts = split(total, weights, rotation=rotation)
    return tuple(
        Part(member, weight, amount, amount > total * weight // weight_sum)
        for member, weight, amount in zip(members, weights, amounts, strict=True)
        if weight and total
    )

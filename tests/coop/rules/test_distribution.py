"""Sharing a surplus by the by-laws' rule."""

from hypothesis import given
from hypothesis import strategies as st

from coop.rules.bylaws import FOUNDING
from coop.rules.distribution import YEAR_S, Shared, share_out

RULE = FOUNDING.distribution
amounts = st.lists(st.integers(0, 10**8), min_size=1, max_size=30)


def shared_of(
    surplus: int, capital: list[int], use: list[int], *, rotation: int = 0, period_s: int = YEAR_S // 4
) -> Shared:
    names = [f"m{index:02d}" for index in range(max(len(capital), len(use)))]
    return share_out(
        surplus,
        RULE,
        members=names,
        paid_in_minor=dict(zip(names, capital, strict=False)),
        used_minor=dict(zip(names, use, strict=False)),
        period_s=period_s,
        rotation=rotation,
    )


@given(st.integers(-(10**9), 10**9), amounts, amounts, st.integers(0, 40))
def test_the_parts_always_sum_to_the_whole(surplus: int, capital: list[int], use: list[int], rotation: int) -> None:
    shared = shared_of(surplus, capital, use, rotation=rotation)
    assert shared.reserve_minor + shared.capital_minor + shared.use_minor + shared.carried_minor == surplus
    assert sum(part.amount_minor for part in shared.capital_parts) == shared.capital_minor
    assert sum(part.amount_minor for part in shared.use_parts) == shared.use_minor
    assert shared.capital_minor <= shared.capital_cap_minor
    assert all(part.weight_minor > 0 for part in (*shared.capital_parts, *shared.use_parts))


@given(st.integers(1, 10**9), amounts, st.randoms())
def test_the_order_of_members_changes_nobody_by_more_than_a_cent(surplus: int, use: list[int], random: object) -> None:
    order = list(range(len(use)))
    random.shuffle(order)  # type: ignore[attr-defined]
    plain = {part.member_id: part.amount_minor for part in shared_of(surplus, [], use).use_parts}
    names = [f"m{index:02d}" for index in order]
    turned = share_out(
        surplus,
        RULE,
        members=names,
        paid_in_minor={},
        used_minor={f"m{index:02d}": value for index, value in enumerate(use)},
        period_s=YEAR_S,
        rotation=0,
    )
    other = {part.member_id: part.amount_minor for part in turned.use_parts}
    assert plain.keys() == other.keys()
    assert all(abs(plain[name] - other[name]) <= 1 for name in plain)


@given(st.integers(1, 10**6), st.integers(2, 9), st.integers(0, 20))
def test_spare_cents_rotate_among_equals(surplus: int, count: int, rotation: int) -> None:
    parts = shared_of(surplus, [], [100] * count, rotation=rotation).use_parts
    spare = [index for index, part in enumerate(parts) if part.has_spare_cent]
    assert spare == sorted((rotation + step) % count for step in range(len(spare)))


def test_a_loss_is_carried_and_nothing_is_shared() -> None:
    shared = shared_of(-500, [100], [100])
    assert (shared.carried_minor, shared.reserve_minor, shared.shared_minor) == (-500, 0, 0)


def test_without_any_use_the_rest_is_carried() -> None:
    shared = shared_of(10_000, [100_000], [0])
    assert shared.reserve_minor == 1_000
    assert shared.capital_minor == 1_000, "four in a hundred a year of 1,000.00 for a quarter"
    assert (shared.use_minor, shared.carried_minor) == (0, 8_000)


def test_without_any_capital_all_goes_by_use() -> None:
    shared = shared_of(10_000, [0], [5])
    assert (shared.capital_minor, shared.use_minor) == (0, 9_000)


def test_capital_gets_no_more_than_the_rule_where_the_cap_is_far() -> None:
    assert shared_of(10_000, [10**8], [5]).capital_minor == 3_600

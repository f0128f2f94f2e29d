"""Closing an account of the nano sub-ledger."""

from hypothesis import given
from hypothesis import strategies as st

from coop.rules.usage_close import close_account

NANO_PER_CENT = 10_000_000


@given(st.lists(st.integers(0, 10**13), min_size=1, max_size=12))
def test_nothing_is_made_or_lost_over_many_periods(uses: list[int]) -> None:
    summed = posted = carried = 0
    for use in uses:
        closed = close_account(
            used_before_nano=summed, posted_before_minor=posted, used_total_nano=summed + use, currency="EUR"
        )
        assert closed.brought_nano == carried
        assert closed.used_nano == use
        assert closed.brought_nano + closed.used_nano == closed.posted_minor * NANO_PER_CENT + closed.carried_nano
        assert 0 <= closed.carried_nano < NANO_PER_CENT
        summed, posted, carried = summed + use, posted + closed.posted_minor, closed.carried_nano
    assert posted * NANO_PER_CENT + carried == sum(uses)


def test_a_currency_without_cents_posts_whole_units() -> None:
    closed = close_account(used_before_nano=0, posted_before_minor=0, used_total_nano=1_999_999_999, currency="JPY")
    assert (closed.posted_minor, closed.carried_nano) == (1, 999_999_999)

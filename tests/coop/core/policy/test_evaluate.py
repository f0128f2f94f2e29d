"""Hours follow local time, over midnight and when clocks change; prices keep floor and ceiling."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coop.core.errors import Invalid
from coop.core.policy.differences import list_changes, list_clauses, list_same
from coop.core.policy.evaluate import Compiled, compile_policy
from coop.core.policy.schema import FOUNDING_POLICY, PolicyDocument, apply_change, read_document
from coop.core.sentences import sentence

BERLIN = ZoneInfo("Europe/Berlin")
EVERY_DAY = [0, 1, 2, 3, 4, 5, 6]


def hours(*windows: tuple[list[int], int, int], timezone: str = "Europe/Berlin") -> PolicyDocument:
    opened = [{"days": days, "from_minute": begin, "until_minute": end} for days, begin, end in windows]
    return apply_change(FOUNDING_POLICY, "hours", {"timezone": timezone, "open": opened})


def open_at(policy: Compiled, *moment: int, fold: int = 0) -> bool:
    local = datetime(*moment, tzinfo=BERLIN, fold=fold)  # type: ignore[misc, arg-type] # parts of a date
    return policy.is_open(local.astimezone(UTC))


def test_boundaries_are_half_open_in_local_time() -> None:
    policy = compile_policy(hours((EVERY_DAY, 8 * 60, 17 * 60)))
    assert [open_at(policy, 2026, 6, 1, *at) for at in ((7, 59, 59), (8, 0), (16, 59, 59), (17, 0))] == [
        False,
        True,
        True,
        False,
    ]


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    policy = compile_policy(hours(([6], 22 * 60, 6 * 60)))  # Sunday night, into Monday
    assert open_at(policy, 2026, 6, 7, 23, 0)
    assert open_at(policy, 2026, 6, 8, 5, 59)
    assert not open_at(policy, 2026, 6, 8, 6, 0)
    assert not open_at(policy, 2026, 6, 7, 5, 0)
    assert not open_at(policy, 2026, 6, 8, 23, 0)


def test_clock_changes_are_followed() -> None:
    policy = compile_policy(hours((EVERY_DAY, 2 * 60 + 30, 3 * 60 + 30)))
    before = datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)  # 01:59:59; then the clock jumps to 03:00
    assert not policy.is_open(before)
    assert policy.is_open(before + timedelta(seconds=1))
    assert not policy.is_open(datetime(2026, 3, 29, 1, 30, tzinfo=UTC))
    # In autumn 02:30 comes twice, and both times it is open.
    assert open_at(policy, 2026, 10, 25, 2, 45, fold=0)
    assert open_at(policy, 2026, 10, 25, 2, 45, fold=1)
    assert not open_at(policy, 2026, 10, 25, 2, 15, fold=1)


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True).map(sorted),
            st.integers(0, 1439),
            st.integers(1, 1440),
        ).filter(lambda window: window[1] != window[2]),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 7 * 1440 - 1),
)
def test_the_table_says_what_the_windows_say(windows: list[tuple[list[int], int, int]], minute: int) -> None:
    at = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(minutes=minute)  # a Monday
    day, of_day = divmod(minute, 1440)
    expected = any(
        (day in days and begin <= of_day < (end if end > begin else 1440))
        or ((day - 1) % 7 in days and end <= begin and of_day < end)
        for days, begin, end in windows
    )
    assert compile_policy(hours(*windows, timezone="UTC")).is_open(at) == expected


def test_prices_keep_floor_and_ceiling_and_members_get_their_discount() -> None:
    price = {
        "default_micro": 20_000,
        "floor_micro": 19_000,
        "ceiling_micro": 30_000,
        "member_discount": {"numerator": 1, "denominator": 4},
    }
    policy = compile_policy(apply_change(FOUNDING_POLICY, "price", price))
    assert (policy.price_micro("m", False), policy.price_micro("m", True)) == (20_000, 19_000)
    at = datetime(2026, 6, 1, tzinfo=UTC)
    clauses = [policy.refuse("m", micro, at, True) for micro in (18_999, 19_000, 30_000, 30_001)]
    assert [found.clause if found else None for found in clauses] == ["price.floor", None, None, "price.ceiling"]


@pytest.mark.parametrize(
    ("section", "value", "code"),
    [
        ("price", {"default_micro": 1, "floor_micro": 2, "ceiling_micro": 3}, "policy.price_out_of_order"),
        ("price", {"default_micro": 1.5, "floor_micro": 0, "ceiling_micro": 3}, "policy.malformed"),
        ("price", {"default_micro": -1, "floor_micro": -1, "ceiling_micro": 3}, "policy.malformed"),
        ("price", None, "policy.malformed"),
        ("hours", {"timezone": "Europe/Atlantis", "open": []}, "policy.timezone_unknown"),
        ("hours", {"timezone": "../etc/passwd", "open": []}, "policy.timezone_unknown"),
        ("hours", {"timezone": "UTC", "open": []}, "policy.malformed"),
        ("power", {}, "policy.section_unknown"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_with_its_reason(section: str, value: Any, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        apply_change(FOUNDING_POLICY, section, value)
    assert refused.value.code == code


def test_the_difference_is_said_in_sentences() -> None:
    after = hours((EVERY_DAY, 21 * 60, 17 * 60))
    changes = list_changes(FOUNDING_POLICY, after)
    assert [change.code for change in changes] == ["policy.hours_added", "policy.open_daily"]
    assert "21:00 to 17:00 (Europe/Berlin)" in sentence(changes[1].code, changes[1].values)
    assert list_same(FOUNDING_POLICY, after) == ["price"]
    dearer = apply_change(after, "price", {**after.price.model_dump(), "default_micro": 30_000})
    assert [change.code for change in list_changes(after, dearer)] == ["policy.price_default_changed"]
    assert list_changes(after, after) == []
    odd = hours(([0, 2], 60, 120))
    for change in [*list_changes(after, odd), *list_changes(odd, FOUNDING_POLICY), *list_clauses(odd)]:
        assert "refused (" not in sentence(change.code, change.values)


def test_a_document_reads_back_as_it_was_written() -> None:
    document = hours(([0, 1], 60, 120))
    assert read_document(document.to_json()) == document


def test_a_request_costs_microseconds() -> None:
    policy = compile_policy(hours((EVERY_DAY, 0, 1440)))
    at = datetime(2026, 6, 1, tzinfo=UTC)
    started = time.perf_counter()
    for _ in range(10_000):
        policy.refuse("m", 20_000, at, True)
    assert (time.perf_counter() - started) / 10_000 < 50e-6

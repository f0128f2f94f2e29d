"""Money and shares as integers: splits lose nothing, orders are priced exactly, references survive typing."""

import contextlib
import csv
import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coop.core.errors import Invalid
from coop.core.money import SHARE_MICRO_MAX, decimal_text, parse_minor, parse_shares, shares_value_minor, split
from coop.rules.cells import safe_cell
from coop.rules.ledger import CHART, Line, check_lines, credit, debit, inputs_digest, mirrored
from coop.rules.references import normalise
from coop.rules.shares import price_order

weights_of = st.lists(st.integers(0, 10**12), min_size=1, max_size=12).filter(any)
SPLITS = 10_000


def assert_exact(total: int, weights: list[int], parts: list[int]) -> None:
    """The parts sum to the whole, and none is a unit or more away from its exact share."""
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - total * weight) < sum(weights)


@settings(deadline=None)
@given(st.integers(0, 10**12), weights_of, st.integers(0, 1_000))
def test_a_split_makes_and_loses_nothing(total: int, weights: list[int], rotation: int) -> None:
    assert_exact(total, weights, split(total, weights, rotation=rotation))


def test_ten_thousand_random_splits_make_and_lose_nothing() -> None:
    chance = random.Random(20260601)
    for _ in range(SPLITS):
        total = chance.choice((chance.randrange(100), chance.randrange(10**12)))
        weights = [chance.choice((0, 1, chance.randrange(10**9))) for _ in range(chance.randrange(1, 40))] + [1]
        assert_exact(total, weights, split(total, weights, rotation=chance.randrange(1_000)))


@given(st.integers(1, SHARE_MICRO_MAX))
def test_every_quantity_of_shares_is_read_as_it_is_written(quantity_micro: int) -> None:
    assert parse_shares(decimal_text(quantity_micro, 6)) == quantity_micro
    assert parse_shares(decimal_text(quantity_micro, 6).replace(".", ",")) == quantity_micro


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("-1", "money.not_a_number"),
        ("1e30", "money.not_a_number"),
        ("NaN", "money.not_a_number"),
        ("", "money.not_a_number"),
        ("1 000", "money.not_a_number"),
        ("٣", "money.not_a_number"),
        ("0", "shares.not_positive"),
        ("0.000000", "shares.not_positive"),
        ("0.1234567", "money.too_many_places"),
        ("1000000.000001", "shares.too_many"),
        ("999999999999999", "shares.too_many"),
    ],
)
def test_a_quantity_that_cannot_be_is_refused_with_its_reason(typed: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_shares(typed)
    assert refused.value.code == code


@given(st.text(max_size=20))
def test_reading_shares_never_fails_in_another_way(typed: str) -> None:
    with contextlib.suppress(Invalid):
        assert 0 < parse_shares(typed) <= SHARE_MICRO_MAX


def test_an_amount_over_the_limit_is_refused() -> None:
    with pytest.raises(Invalid, match=r"money\.too_large"):
        parse_minor("10000000000.01", "EUR")


@pytest.mark.parametrize(
    ("quantity_micro", "code"),
    [
        (0, "shares.not_positive"),
        (-1, "shares.not_positive"),
        (SHARE_MICRO_MAX + 1, "shares.too_many"),
        (999_999, "shares.below_least"),
    ],
)
def test_an_order_that_cannot_be_is_refused(quantity_micro: int, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        price_order(quantity_micro, nominal_minor=25_000, least_micro=1_000_000)
    assert refused.value.code == code
    assert refused.value.fields == {"shares": code}


def test_a_part_that_costs_less_than_a_cent_is_refused() -> None:
    with pytest.raises(Invalid, match=r"shares\.worth_nothing"):
        price_order(1, nominal_minor=25_000)


@given(st.integers(1, SHARE_MICRO_MAX), st.integers(1, 100_000))
def test_the_price_is_within_half_a_cent_of_exact(quantity_micro: int, nominal_minor: int) -> None:
    assert abs(shares_value_minor(quantity_micro, nominal_minor) * 10**6 - quantity_micro * nominal_minor) * 2 <= 10**6


@pytest.mark.parametrize("typed", ["A-7KQ4-M2XD", "a7kq4m2xd", " a-7kq4 m2xd ", "A–7KQ4–M2XD", "A.7KQ4.M2XD"])
def test_a_reference_is_found_however_it_is_typed(typed: str) -> None:
    assert normalise(typed) == "A-7KQ4-M2XD"


def test_letters_that_look_like_digits_are_read_as_digits() -> None:
    assert normalise("S-OIL1-0000") == "S-0111-0000"


@pytest.mark.parametrize("typed", ["", "7KQ4-M2XD", "Z-7KQ4-M2XD", "A-7KQ4-M2X", "A-7KQ4-M2XÜ", "' OR 1=1 --"])
def test_what_cannot_be_a_reference_is_none(typed: str) -> None:
    assert normalise(typed) is None


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =cmd|' /C calc'!A0", "\n=1", "%0A"]
)
def test_no_cell_starts_a_formula(text: str) -> None:
    assert safe_cell(text).startswith("'")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_safe_cell_survives_csv(text: str) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([safe_cell(text)])
    assert not safe_cell(text).startswith(("=", "+", "-", "@"))


IS_PER_MEMBER = {row.code: row.is_per_member for row in CHART}


def test_the_chart_names_every_account_once() -> None:
    assert len({row.number for row in CHART}) == len({row.code for row in CHART}) == len(CHART)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (Line("cash", 5), "ledger.account_unknown"),
        (Line("member_credit", 5), "ledger.member_missing"),
        (Line("reserve", 5, "m"), "ledger.member_unexpected"),
        (Line("reserve", 0), "ledger.amount_out_of_bounds"),
        (Line("reserve", 10**12 + 1), "ledger.amount_out_of_bounds"),
    ],
)
def test_a_line_that_does_not_fit_its_account_is_refused(line: Line, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_lines([line, Line("bank", -line.amount_minor or 1)], IS_PER_MEMBER)
    assert refused.value.code == code


def test_lines_that_do_not_balance_are_a_broken_assumption() -> None:
    with pytest.raises(AssertionError):
        check_lines([debit("bank", 5), credit("reserve", 4)], IS_PER_MEMBER)
    with pytest.raises(AssertionError):
        check_lines([Line("bank", 5)], IS_PER_MEMBER)


def test_the_digest_ignores_the_order_of_lines_and_nothing_else() -> None:
    lines = [debit("bank", 5), credit("share_capital", 2, "a"), credit("share_capital", 3, "b")]

    def of(lines: list[Line], **changed: object) -> str:
        inputs = {"kind": "k", "text": "t", "detail": {}, "reverses_id": None, **changed}
        return inputs_digest(lines=lines, **inputs)  # type: ignore[arg-type] # changed by name

    assert of(lines) == of(lines[::-1])
    assert len({of(lines), of(mirrored(lines)), of(lines, text="u"), of(lines, detail={"a": "1"})}) == 4

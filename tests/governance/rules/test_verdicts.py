"""Verdicts against an oracle that knows fractions, over every electorate up to seven."""

import itertools
from fractions import Fraction as Exact

import pytest

from coop.rules.bylaws import BallotRule, Fraction
from governance.rules.verdicts import Tally, decide

FRACTIONS = ((0, 1), (1, 3), (2, 5), (1, 2), (2, 3), (3, 4), (1, 1))
BASES = ("decided", "cast", "entitled")
RULES = [
    BallotRule.model_validate(
        {
            "quorum": {"numerator": quorum[0], "denominator": quorum[1]},
            "majority": {"numerator": majority[0], "denominator": majority[1]},
            "majority_base": base,
            "is_strict": is_strict,
            "voting_s": 1,
            "waiting_s": 0,
        }
    )
    for quorum, majority, base, is_strict in itertools.product(
        ((0, 1), (2, 5), (1, 2)), FRACTIONS, BASES, (True, False)
    )
]
TALLIES = [
    Tally(yes, no, abstain, entitled)
    for entitled in range(8)
    for yes in range(entitled + 1)
    for no in range(entitled + 1 - yes)
    for abstain in range(entitled + 1 - yes - no)
]


def oracle(rule: BallotRule, tally: Tally) -> bool:
    """Decide with exact rationals and nothing of ours."""
    took_part = tally.yes + tally.no + tally.abstain
    base = {"decided": tally.yes + tally.no, "cast": took_part, "entitled": tally.entitled}[rule.majority_base]
    if base == 0 or took_part < Exact(rule.quorum.numerator, rule.quorum.denominator) * tally.entitled:
        return False
    share, needed = Exact(tally.yes, base), Exact(rule.majority.numerator, rule.majority.denominator)
    return share > needed if rule.is_strict else share >= needed


def test_every_small_electorate_is_decided_as_the_oracle_does() -> None:
    for rule, tally in itertools.product(RULES, TALLIES):
        verdict = decide(rule, tally)
        assert verdict.is_passed == oracle(rule, tally), (rule, tally)
        assert verdict.is_quorum_met == (verdict.participating >= verdict.quorum_needed)
        assert verdict.is_majority_met == (verdict.base > 0 and verdict.yes >= verdict.yes_needed)


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ((3, 2, 0, 10), "verdict.passed"),
        ((2, 2, 0, 10), "verdict.no_majority"),
        ((3, 0, 0, 10), "verdict.no_quorum"),
        ((0, 0, 4, 10), "verdict.undecided"),
    ],
)
def test_the_code_says_why(counts: tuple[int, int, int, int], code: str) -> None:
    rule = BallotRule(
        quorum=Fraction(numerator=2, denominator=5),
        majority=Fraction(numerator=1, denominator=2),
        voting_s=1,
        waiting_s=0,
    )
    assert decide(rule, Tally(*counts)).code == code


def test_more_ballots_than_members_is_a_broken_assumption() -> None:
    with pytest.raises(AssertionError):
        Tally(2, 1, 0, 2)

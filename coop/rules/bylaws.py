"""The by-laws as typed data: voting rules, periods and the distribution rule. Fractions are pairs of integers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Fraction(BaseModel):
    """An exact fraction; compared by cross-multiplication, never divided."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    numerator: int = Field(ge=0, le=10_000)
    denominator: int = Field(ge=1, le=10_000)

    @model_validator(mode="after")
    def _at_most_one(self) -> "Fraction":
        if self.numerator > self.denominator:
            raise ValueError("a fraction in the by-laws is at most 1")
        return self


class BallotRule(BaseModel):
    """How a kind of proposal is decided.

    quorum: turnout needed, of `quorum_base` (entitled members; `participating` counts yes, no and abstain).
    majority: share of yes needed, of `majority_base`: `decided` (yes + no), `cast` (with abstain) or `entitled`.
    is_strict: more than the fraction, else at least the fraction.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    quorum: Fraction
    quorum_base: Literal["entitled"] = "entitled"
    majority: Fraction
    majority_base: Literal["decided", "cast", "entitled"] = "decided"
    is_strict: bool = True
    voting_s: int = Field(ge=1, le=366 * 86_400)
    waiting_s: int = Field(ge=0, le=366 * 86_400)


class DistributionRule(BaseModel):
    """How a surplus is shared: first the reserve, then capital up to its cap, the rest by use.

    reserve: of the surplus. capital: of what is left after the reserve, but per period at most `capital_cap` of the
    paid-in capital, pro rata of the period's length in a 365-day year. use: everything that remains.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    reserve: Fraction
    capital: Fraction
    capital_cap_per_year: Fraction


class Bylaws(BaseModel):
    """One version of the by-laws."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    policy_ballot: BallotRule
    distribution: DistributionRule
    owner_share: Fraction = Field(description="of a receipt's cost: what the machine's owner earns")
    policy_validity_s: int = Field(
        default=400 * 86_400, ge=60, description="how long a bundle is obeyed without a new one"
    )
    payout_approvals: Literal[1] = 1


FOUNDING = Bylaws(
    policy_ballot=BallotRule(
        quorum=Fraction(numerator=2, denominator=5),
        majority=Fraction(numerator=1, denominator=2),
        is_strict=True,
        voting_s=7 * 86_400,
        waiting_s=3 * 86_400,
    ),
    distribution=DistributionRule(
        reserve=Fraction(numerator=1, denominator=10),
        capital=Fraction(numerator=2, denominator=5),
        capital_cap_per_year=Fraction(numerator=4, denominator=100),
    ),
    owner_share=Fraction(numerator=7, denominator=10),
)

"""Is a proposal adopted? Whole numbers only: fractions are compared by cross-multiplication."""

from dataclasses import asdict, dataclass

from coop.rules.bylaws import BallotRule, Fraction

CHOICES = ("yes", "no", "abstain")


@dataclass(frozen=True)
class Tally:
    """What was counted. `entitled` is the size of the frozen electorate."""

    yes: int
    no: int
    abstain: int
    entitled: int

    def __post_init__(self) -> None:
        assert min(self.yes, self.no, self.abstain) >= 0
        assert self.participating <= self.entitled, "more ballots than entitled members"

    @property
    def participating(self) -> int:
        """Return how many took part: yes, no and abstain."""
        return self.yes + self.no + self.abstain


@dataclass(frozen=True)
class Verdict:
    """The decision with its arithmetic.

    code: `verdict.passed`, `verdict.no_quorum`, `verdict.undecided` (nobody in the majority's base) or
    `verdict.no_majority`; the first that applies. base: the number the yes are measured against.
    quorum_needed, yes_needed: the least numbers that would do, with this electorate and this base.
    """

    code: str
    is_passed: bool
    yes: int
    no: int
    abstain: int
    entitled: int
    participating: int
    quorum_needed: int
    is_quorum_met: bool
    base: int
    yes_needed: int
    is_majority_met: bool

    def to_json(self) -> dict[str, object]:
        """Return the verdict as JSON values."""
        return asdict(self)


def _at_least(count: int, fraction: Fraction, whole: int) -> bool:
    return count * fraction.denominator >= fraction.numerator * whole


def _more_than(count: int, fraction: Fraction, whole: int) -> bool:
    return count * fraction.denominator > fraction.numerator * whole


def least_count(fraction: Fraction, whole: int, *, is_strict: bool) -> int:
    """Return the least count that is at least (strict: more than) the fraction of `whole` >= 0."""
    product = fraction.numerator * whole
    if is_strict:
        return product // fraction.denominator + 1
    return -(-product // fraction.denominator)


def majority_base(rule: BallotRule, tally: Tally) -> int:
    """Return the number that the yes are measured against."""
    bases = {"decided": tally.yes + tally.no, "cast": tally.participating, "entitled": tally.entitled}
    return bases[rule.majority_base]


def decide(rule: BallotRule, tally: Tally) -> Verdict:
    """Return the verdict. A quorum is met by at least its fraction; a majority of nothing is none."""
    base = majority_base(rule, tally)
    compare = _more_than if rule.is_strict else _at_least
    is_quorum_met = _at_least(tally.participating, rule.quorum, tally.entitled)
    is_majority_met = base > 0 and compare(tally.yes, rule.majority, base)
    if not is_quorum_met:
        code = "verdict.no_quorum"
    elif base == 0:
        code = "verdict.undecided"
    else:
        code = "verdict.passed" if is_majority_met else "verdict.no_majority"
    return Verdict(
        code=code,
        is_passed=code == "verdict.passed",
        yes=tally.yes,
        no=tally.no,
        abstain=tally.abstain,
        entitled=tally.entitled,
        participating=tally.participating,
        quorum_needed=least_count(rule.quorum, tally.entitled, is_strict=False),
        is_quorum_met=is_quorum_met,
        base=base,
        yes_needed=least_count(rule.majority, base, is_strict=rule.is_strict),
        is_majority_met=is_majority_met,
    )

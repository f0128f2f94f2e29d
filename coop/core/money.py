"""Money and quantities as integers. Only this module rounds; no float ever touches an amount.

Units: minor (cents), nano (10^-9 of the major unit), price_micro (10^-6 of the major unit per million tokens),
share_micro (10^-6 of a share).
"""

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from coop.core.errors import Invalid

NANO_PER_MAJOR = 1_000_000_000
MICRO_PER_SHARE = 1_000_000
TOKENS_PER_PRICE_UNIT = 1_000_000
SHARE_MICRO_MAX = 1_000_000 * MICRO_PER_SHARE  # a million shares in one order; more is a typing error
AMOUNT_MINOR_MAX = 10**12  # ten thousand million euros; the limit of one entry
EXPONENTS = {"EUR": 2, "GBP": 2, "USD": 2, "CHF": 2, "SEK": 2, "DKK": 2, "PLN": 2, "CZK": 2, "JPY": 0, "TND": 3}
PLAIN_DECIMAL = re.compile(r"[0-9]{1,15}([.,][0-9]{1,12})?")


def nano_per_minor(currency: str) -> int:
    """Return how many nano-units one minor unit has. Raises Invalid for a currency the co-op cannot keep books in."""
    if currency not in EXPONENTS:
        raise Invalid("money.currency_unknown", currency=currency)
    return int(NANO_PER_MAJOR // 10 ** EXPONENTS[currency])


def divide_half_even(numerator: int, denominator: int) -> int:
    """Return numerator / denominator, rounded half to even. `denominator` > 0."""
    assert denominator > 0
    quotient, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1):
        return quotient + 1
    return quotient


def cost_nano(tokens: int, price_micro: int) -> int:
    """Return the cost in nano-units of `tokens` at `price_micro` per million tokens, rounded half to even once."""
    assert tokens >= 0 and price_micro >= 0
    return divide_half_even(tokens * price_micro * 1_000, TOKENS_PER_PRICE_UNIT)


def whole_minor(nano: int, currency: str) -> tuple[int, int]:
    """Split nano-units >= 0 into (whole minor units, nano-units left over). The rest is carried forward, never lost."""
    assert nano >= 0
    return divmod(nano, nano_per_minor(currency))


def split(total: int, weights: Sequence[int], *, rotation: int = 0) -> list[int]:
    """Split `total` >= 0 in proportion to `weights` >= 0 by largest remainder; the parts sum to the total exactly.

    Equal remainders are served in rotated order: the position `rotation % len(weights)` comes first, so that the same
    member is not favoured every period. Raises ValueError when there is something to split and every weight is zero.
    Source: Hamilton's method; compare Formance's published allotment case.
    """
    assert total >= 0 and all(weight >= 0 for weight in weights)
    weight_sum = sum(weights)
    if weight_sum == 0:
        if total:
            raise ValueError("nothing to split by: every weight is zero")
        return [0] * len(weights)
    parts = [total * weight // weight_sum for weight in weights]
    count = len(weights)
    by_remainder = sorted(
        (index for index in range(count) if weights[index]),
        key=lambda index: (-(total * weights[index] % weight_sum), (index - rotation) % count),
    )
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    assert sum(parts) == total
    return parts


def fraction_floor(total: int, numerator: int, denominator: int) -> int:
    """Return the largest integer not above total * numerator / denominator, all >= 0."""
    assert total >= 0 and numerator >= 0 and denominator > 0
    return total * numerator // denominator


def parse_decimal(text: str, *, places: int) -> int:
    """Read a positive plain decimal such as `4.5` or `4,5` into integer units of 10^-places.

    Raises Invalid for signs, exponents, too many places or anything else. Zero is allowed; callers set their own least.
    """
    cleaned = text.strip().replace("\u00a0", "").replace("\u202f", "")
    if not PLAIN_DECIMAL.fullmatch(cleaned):
        raise Invalid("money.not_a_number", text=cleaned[:40])
    whole, _, part = cleaned.replace(",", ".").partition(".")
    if len(part) > places:
        raise Invalid("money.too_many_places", places=places)
    return int(whole + part.ljust(places, "0"))


def parse_minor(text: str, currency: str) -> int:
    """Read an amount in the major unit, e.g. `12.50`, into minor units. Raises Invalid; 0 <= result <= AMOUNT_MINOR_MAX."""
    amount = parse_decimal(text, places=EXPONENTS[currency])
    if amount > AMOUNT_MINOR_MAX:
        raise Invalid("money.too_large")
    return amount


def parse_shares(text: str) -> int:
    """Read a quantity of shares into share_micro. Raises Invalid unless 0 < quantity <= SHARE_MICRO_MAX."""
    quantity = parse_decimal(text, places=6)
    if quantity <= 0:
        raise Invalid("shares.not_positive")
    if quantity > SHARE_MICRO_MAX:
        raise Invalid("shares.too_many", limit=SHARE_MICRO_MAX // MICRO_PER_SHARE)
    return quantity


def shares_value_minor(quantity_micro: int, nominal_minor: int) -> int:
    """Return what a quantity of shares costs, in minor units, rounded half to even once."""
    return divide_half_even(quantity_micro * nominal_minor, MICRO_PER_SHARE)


def decimal_of(units: int, places: int) -> Decimal:
    """Return integer units of 10^-places as an exact Decimal, for display and for decimal strings in signed documents."""
    return Decimal(units).scaleb(-places)


def decimal_text(units: int, places: int) -> str:
    """Return integer units of 10^-places as a plain decimal string, e.g. 1250, 2 -> `12.50`."""
    return format(decimal_of(units, places), "f")


def round_decimal(value: Decimal, places: int) -> Decimal:
    """Round a Decimal for display, half to even."""
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)

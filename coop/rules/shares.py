"""What an order of shares must fulfil and what it costs. Quantities are share_micro, money is minor units."""

from coop.core.errors import Invalid
from coop.core.money import (
    AMOUNT_MINOR_MAX,
    MICRO_PER_SHARE,
    SHARE_MICRO_MAX,
    decimal_text,
    shares_value_minor,
)


def price_order(quantity_micro: int, *, nominal_minor: int, least_micro: int = 1) -> int:
    """Return what an order costs in minor units.

    Raises Invalid (field `shares`) for a quantity that is not positive, too large, below the least, or worth less than
    one minor unit.
    """
    if quantity_micro <= 0:
        raise _wrong("shares.not_positive")
    if quantity_micro > SHARE_MICRO_MAX:
        raise _wrong("shares.too_many", limit=SHARE_MICRO_MAX // MICRO_PER_SHARE)
    if quantity_micro < least_micro:
        raise _wrong("shares.below_least", least=decimal_text(least_micro, 6))
    amount_minor = shares_value_minor(quantity_micro, nominal_minor)
    if amount_minor < 1:
        raise _wrong("shares.worth_nothing")
    if amount_minor > AMOUNT_MINOR_MAX:
        raise _wrong("money.too_large")
    return amount_minor


def _wrong(code: str, **values: str | int) -> Invalid:
    return Invalid(code, fields={"shares": code}, **values)

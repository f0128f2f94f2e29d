"""Numbers, money, shares and times as the reader's language writes them. Amounts come in as integers and stay exact."""

import datetime as calendar
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import dates, numbers
from flask import g, has_request_context

from coop.core.clock import from_iso
from coop.core.errors import Value
from coop.core.money import EXPONENTS, decimal_of, nano_per_minor
from coop.web.i18n import gettext, locale

NANO_PLACES = 9


def currency() -> str:
    """Return the co-op's currency, EUR before there is one."""
    cooperative = g.get("cooperative") if has_request_context() else None
    return cooperative.currency if cooperative else "EUR"


def zone() -> ZoneInfo:
    """Return the co-op's time zone."""
    cooperative = g.get("cooperative") if has_request_context() else None
    return ZoneInfo(cooperative.timezone if cooperative else "UTC")


def money(minor: int | None) -> str:
    """Write minor units as an amount with its currency, e.g. 6156 -> `€61.56`; None is a dash."""
    if minor is None:
        return "–"
    code = currency()
    return str(numbers.format_currency(decimal_of(minor, EXPONENTS[code]), code, locale=locale()))


def money_nano(nano: int | None) -> str:
    """Write nano-units as an amount with all places that are not zero, two at least."""
    if nano is None:
        return "–"
    code = currency()
    if nano % nano_per_minor(code) == 0:
        return money(nano // nano_per_minor(code))
    pattern = locale().currency_formats["standard"].pattern.replace("0.00", "0.00#######")
    return str(
        numbers.format_currency(
            decimal_of(nano, NANO_PLACES), code, format=pattern, locale=locale(), currency_digits=False
        )
    )


def shares(micro: int) -> str:
    """Write share_micro with the places that are not zero, e.g. 4500000 -> `4.5`."""
    return str(numbers.format_decimal(decimal_of(micro, 6), format="#,##0.######", locale=locale()))


def number(value: int | Decimal) -> str:
    """Write a number with its thousands."""
    return str(numbers.format_decimal(value, locale=locale()))


def percent(numerator: int, denominator: int) -> str:
    """Write a part of a whole in percent with one place; nothing of nothing is a dash."""
    if denominator == 0:
        return "–"
    value = Decimal(numerator * 100) / Decimal(denominator)
    return gettext("%(value)s %%", value=numbers.format_decimal(value, format="0.#", locale=locale()))


def when(moment: datetime | None) -> str:
    """Write a moment in the co-op's zone, with the zone's name; None is a dash."""
    if moment is None:
        return "–"
    local = moment.astimezone(zone())
    pattern = "d MMMM y, HH:mm:ss" if moment.second else "d MMMM y, HH:mm"
    return f"{dates.format_datetime(local, pattern, locale=locale())} {local.tzname()}"


def date(moment: datetime | calendar.date | None) -> str:
    """Write a day; a moment is taken in the co-op's zone. None is a dash."""
    if moment is None:
        return "–"
    day = moment.astimezone(zone()).date() if isinstance(moment, datetime) else moment
    return str(dates.format_date(day, "d MMMM y", locale=locale()))


def readable(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return values of a sentence for people, by the suffix of their name: _minor, _nano, _shares_micro, _at."""
    shown = dict(values)
    for name, value in values.items():
        if isinstance(value, bool) or value is None:
            continue
        if name.endswith("_minor") and isinstance(value, int):
            shown[name] = money(value)
        elif name.endswith("_nano") and isinstance(value, int):
            shown[name] = money_nano(value)
        elif name.endswith(("shares_micro", "quantity_micro")) and isinstance(value, int):
            shown[name] = shares(value)
        elif name.endswith("_at") and isinstance(value, str):
            shown[name] = when(from_iso(value))
    return shown


FORMATS = {
    "money": money,
    "money_nano": money_nano,
    "shares": shares,
    "when": when,
    "date": date,
    "number": number,
    "percent": percent,
}

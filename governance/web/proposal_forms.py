"""Reads the form of a proposal into a section of the policy, and fills it with what holds today."""

import re
from math import gcd
from typing import Any

from coop.core.errors import Invalid
from coop.core.money import decimal_text, parse_decimal
from coop.core.policy.schema import DAY_MINUTES, Hours, PolicyDocument, Price, Ratio
from coop.web.forms import Form
from coop.web.i18n import gettext as _

ROWS_LEAST = 3
ROWS_MAX = 8
PRICE_PLACES = 6
PERCENT_PARTS = 10_000  # hundredths of a percent in a whole
TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
DAYS = re.compile(r"[0-6](,[0-6]){0,6}")
PRICES = ("default", "floor", "ceiling")


def day_names() -> list[str]:
    """Return the names of the days, Monday first."""
    return [_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday")]


def day_options(hours: Hours | None) -> list[tuple[str, str]]:
    """Return (value, label) of the days a window can have; unusual groups of today's policy stay choosable."""
    names = day_names()
    options = [("", "–"), ("0,1,2,3,4,5,6", _("Every day")), ("0,1,2,3,4", _("Monday to Friday"))]
    options += [("5,6", _("Saturday and Sunday")), *((str(day), name) for day, name in enumerate(names))]
    known = {value for value, _label in options}
    for window in hours.open if hours else ():
        value = ",".join(map(str, window.days))
        if value not in known:
            known.add(value)
            options.append((value, ", ".join(names[day] for day in window.days)))
    return options


def _clock(minute: int) -> str:
    return f"{minute % DAY_MINUTES // 60:02d}:{minute % 60:02d}"


def _percent(ratio: Ratio) -> str:
    text = decimal_text(ratio.numerator * PERCENT_PARTS // ratio.denominator, 2)
    return text.rstrip("0").rstrip(".")


def _price_text(micro: int) -> str:
    whole, _dot, part = decimal_text(micro, PRICE_PLACES).partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')}"


def today(section: str, document: PolicyDocument, timezone: str) -> dict[str, str]:
    """Return the fields of the form as they hold today. `timezone` is the co-op's, for a policy without hours."""
    if section == "price":
        found = {name: _price_text(getattr(document.price, f"{name}_micro")) for name in PRICES}
        return {**found, "discount": _percent(document.price.member_discount)}
    hours = document.hours
    found = {"kind": "hours" if hours else "always", "timezone": hours.timezone if hours else timezone}
    for row, window in enumerate(hours.open if hours else (), start=1):
        found[f"days_{row}"] = ",".join(map(str, window.days))
        found[f"from_{row}"] = _clock(window.from_minute)
        found[f"until_{row}"] = _clock(window.until_minute)
    return found


def row_numbers(hours: Hours | None) -> range:
    """Return the numbers of the rows for windows: today's and a spare one."""
    count = len(hours.open) if hours else 0
    return range(1, min(max(ROWS_LEAST, count + 1), max(ROWS_MAX, count)) + 1)


def read(form: Form, section: str, document: PolicyDocument) -> dict[str, Any] | None:
    """Return the section's new value from the form; None takes `hours` away. Problems are noted in the form."""
    if section == "price":
        return _read_price(form, document.price)
    return _read_hours(form, document.hours)


def _read_price(form: Form, price: Price) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for name in PRICES:
        try:
            value[f"{name}_micro"] = parse_decimal(form.text(name, max=24), places=PRICE_PLACES)
        except Invalid as error:
            form.fail(name, error.code, **error.values)
    value["member_discount"] = _read_discount(form, price.member_discount).model_dump()
    return value


def _read_discount(form: Form, ratio: Ratio) -> Ratio:
    typed = form.text("discount", required=False, max=12) or "0"
    if typed == _percent(ratio):
        return ratio  # unchanged, also where a percentage cannot write it exactly
    try:
        parts = parse_decimal(typed, places=2)
    except Invalid:
        parts = PERCENT_PARTS + 1
    if parts > PERCENT_PARTS:
        form.fail("discount", "policy.discount_wrong")
        return ratio
    divisor = gcd(parts, PERCENT_PARTS)
    return Ratio(numerator=parts // divisor, denominator=PERCENT_PARTS // divisor)


def _minute(form: Form, name: str) -> int:
    found = TIME.fullmatch(form.text(name, required=False, max=5))
    if found is None:
        form.fail(name, "policy.time_wrong")
        return 0
    return int(found[1]) * 60 + int(found[2])


def _read_hours(form: Form, hours: Hours | None) -> dict[str, Any] | None:
    if form.choice("kind", ("always", "hours")) == "always":
        return None
    windows = []
    for row in row_numbers(hours):
        names = (f"days_{row}", f"from_{row}", f"until_{row}")
        days, begin, end = (form.text(name, required=False, max=20) for name in names)
        if not days and not begin and not end:
            continue
        if not DAYS.fullmatch(days):
            form.fail(names[0], "policy.window_half")
            continue
        windows.append(
            {
                "days": [int(day) for day in days.split(",")],
                "from_minute": _minute(form, names[1]),
                "until_minute": _minute(form, names[2]) or DAY_MINUTES,
            }
        )
    if not windows and not form.errors:
        form.fail("days_1", "policy.window_needed")
    return {"timezone": form.text("timezone", max=64), "open": windows}

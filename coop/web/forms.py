"""Reads what a person typed. Problems are values: field -> code, shown in a summary and beside the field.

A view reads every field, then calls `form.check()` (raises Invalid), and answers with `render_invalid` from
render.py:

    form = Form(request.form)
    quantity = form.shares("quantity")
    try:
        form.check()
        with transaction() as session: ...
    except Invalid as error:
        return render_invalid("shares/new.html", form, error)
"""

import re
from collections.abc import Collection, Mapping
from datetime import date

from coop.core import money
from coop.core.errors import Invalid, Value

NAME_MAX = 120
TEXT_MAX = 4_000
EMAIL_MAX = 254
NO_DAY = date(1970, 1, 1)  # stands for a day that could not be read; `check` refuses the form
YEARS = range(1900, 2200)  # of days and moments; outside of them a zone leads out of the calendar
EMAIL = re.compile(r"[^@\s\"<>(),;:\\]{1,64}@[^@\s\"<>(),;:\\]{1,190}\.[^@\s.\"<>(),;:\\]{2,63}")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


class Form:
    """The answers of one form. `values` are as typed, `errors` maps a field to its code, `problems` belong to no
    field.
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.values: Mapping[str, str] = values if values is not None else {}
        self.errors: dict[str, str] = {}
        self.error_values: dict[str, dict[str, Value]] = {}
        self.problems: list[tuple[str, dict[str, Value]]] = []

    @property
    def has_errors(self) -> bool:
        """Say whether there is a problem."""
        return bool(self.errors or self.problems)

    def raw(self, name: str, default: object = "") -> str:
        """Return what was typed, to show it again."""
        return self.values.get(name, "" if default is None else str(default))

    def fail(self, name: str, code: str, **values: Value) -> None:
        """Note a problem with a field; the first one counts."""
        if name not in self.errors:
            self.errors[name] = code
            self.error_values[name] = values

    def text(self, name: str, *, required: bool = True, max: int = NAME_MAX) -> str:  # noqa: A002 the word of HTML
        """Read a line or a paragraph without surrounding blanks."""
        value = self.values.get(name, "").strip()
        if not value and required:
            self.fail(name, "form.required")
        if len(value) > max:
            self.fail(name, "form.too_long", limit=max)
        if CONTROL.search(value):
            self.fail(name, "form.control_character")
        return value

    def email(self, name: str) -> str:
        """Read an e-mail address, case-folded."""
        value = self.text(name, max=EMAIL_MAX)
        if value and not EMAIL.fullmatch(value):
            self.fail(name, "form.not_email")
        return value.casefold()

    def secret(self, name: str) -> str:
        """Read a password exactly as typed. Its rules are the service's."""
        value = self.values.get(name, "")
        if not value:
            self.fail(name, "form.required")
        return value

    def choice(self, name: str, options: Collection[str]) -> str:
        """Read one of the options."""
        value = self.values.get(name, "")
        if value not in options:
            self.fail(name, "form.not_choice" if value else "form.required")
        return value

    def flag(self, name: str) -> bool:
        """Read a checkbox."""
        return bool(self.values.get(name))

    def integer(self, name: str, *, least: int = 0, most: int = 2**53 - 1, default: int | None = None) -> int:
        """Read a whole number within limits; `default` stands for an empty field."""
        value = self.values.get(name, "").strip()
        if not value and default is not None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            self.fail(name, "form.not_integer" if value else "form.required")
            return least
        number = int(value)
        if not least <= number <= most:
            self.fail(name, "form.out_of_range", least=least, most=most)
        return number

    def shares(self, name: str) -> int:
        """Read a quantity of shares into share_micro, 0 where it cannot be read."""
        try:
            return money.parse_shares(self.text(name, max=40))
        except Invalid as error:
            self.fail(name, error.code, **error.values)
            return 0

    def amount(self, name: str, currency: str) -> int:
        """Read an amount of the currency into minor units, 0 where it cannot be read."""
        try:
            return money.parse_minor(self.text(name, max=40), currency)
        except Invalid as error:
            self.fail(name, error.code, **error.values)
            return 0

    def date(self, name: str) -> date:
        """Read a day of YEARS, as <input type=date> sends it; NO_DAY where it cannot be read."""
        try:
            day = date.fromisoformat(self.text(name, max=10))
        except ValueError:
            day = NO_DAY.replace(year=1)
        if day.year not in YEARS:
            self.fail(name, "form.not_date")
            return NO_DAY
        return day

    def take(self, error: Invalid) -> None:
        """Add the problems of a service's Invalid."""
        for name, code in error.fields.items():
            self.fail(name, code, **error.values)
        if not error.fields and not (error.code == "form.invalid" and self.errors):
            self.problems.append((error.code, error.values))

    def check(self) -> None:
        """Raise Invalid when a field has a problem."""
        if self.errors:
            raise Invalid(fields=self.errors)

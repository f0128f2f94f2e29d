"""Money and dates as a frozen document writes them: in its own currency and zone, never in those of a reader."""

from datetime import datetime
from zoneinfo import ZoneInfo

from babel import dates, numbers

from coop.core.money import EXPONENTS, decimal_of, nano_per_minor

NANO_PLACES = 9


class Formats:
    """The formats of one document. `language` is a Babel locale such as `en`."""

    def __init__(self, *, currency: str, timezone: str, language: str = "en") -> None:
        self.currency = currency
        self.zone = ZoneInfo(timezone)
        self.language = language

    def money(self, minor: int) -> str:
        """Write minor units with their currency."""
        amount = decimal_of(minor, EXPONENTS[self.currency])
        return str(numbers.format_currency(amount, self.currency, locale=self.language))

    def money_nano(self, nano: int) -> str:
        """Write nano-units with the places that are not zero, those of the currency at least."""
        if nano % nano_per_minor(self.currency) == 0:
            return self.money(nano // nano_per_minor(self.currency))
        pattern = "¤#,##0.00#######"
        amount = decimal_of(nano, NANO_PLACES)
        return str(
            numbers.format_currency(amount, self.currency, format=pattern, locale=self.language, currency_digits=False)
        )

    def date(self, moment: datetime) -> str:
        """Write a day in the document's zone."""
        return str(dates.format_date(moment.astimezone(self.zone).date(), "d MMMM y", locale=self.language))

    def when(self, moment: datetime) -> str:
        """Write a moment in the document's zone, with the zone's name."""
        local = moment.astimezone(self.zone)
        return f"{dates.format_datetime(local, 'd MMMM y, HH:mm:ss', locale=self.language)} {local.tzname()}"

    def number(self, value: int) -> str:
        """Write a number with its thousands."""
        return str(numbers.format_decimal(value, locale=self.language))

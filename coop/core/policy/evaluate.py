"""A policy compiled once into tables and integers, so that a request costs microseconds. Gateway and agent share it."""

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from coop.core.errors import Value
from coop.core.money import decimal_text, divide_half_even
from coop.core.policy.schema import DAY_MINUTES, Hours, PolicyDocument

WEEK_MINUTES = 7 * DAY_MINUTES
PRICE_PLACES = 6


@dataclass(frozen=True)
class Refused:
    """Why work is refused: the clause of the policy, the code of the sentence, and its values."""

    clause: str
    code: str
    values: dict[str, Value] = field(default_factory=dict)


def _open_minutes(hours: Hours) -> bytes:
    """Return one byte per minute of the local week, 1 where it is open."""
    table = bytearray(WEEK_MINUTES)
    for window in hours.open:
        length = (window.until_minute - window.from_minute) % DAY_MINUTES or DAY_MINUTES
        for day in window.days:
            begin = day * DAY_MINUTES + window.from_minute
            for minute in range(begin, begin + length):
                table[minute % WEEK_MINUTES] = 1
    return bytes(table)


class Compiled:
    """A policy ready to be asked. Holds no state; safe to share between threads."""

    def __init__(self, document: PolicyDocument) -> None:
        price = document.price
        discount = divide_half_even(
            price.default_micro * price.member_discount.numerator, price.member_discount.denominator
        )
        self._floor = price.floor_micro
        self._ceiling = price.ceiling_micro
        self._guest_price = price.default_micro
        self._member_price = max(price.floor_micro, price.default_micro - discount)
        self._zone = ZoneInfo(document.hours.timezone) if document.hours else None
        self._open = _open_minutes(document.hours) if document.hours else b""

    def is_open(self, at: datetime) -> bool:
        """Say whether the hours allow work at this aware moment. Local time decides, also when clocks change."""
        if self._zone is None:
            return True
        local = at.astimezone(self._zone)
        return bool(self._open[local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute])

    def price_micro(self, model: str, is_member: bool) -> int:  # noqa: ARG002 every model costs the same so far
        """Return the price in micro-units of the major unit per million tokens."""
        return self._member_price if is_member else self._guest_price

    def refuse(self, model: str, price_micro: int, at: datetime, is_member: bool) -> Refused | None:  # noqa: ARG002 clauses to come
        """Return why work on these terms is refused at this aware moment, None when it may run."""
        assert at.tzinfo is not None, "a datetime without a zone came in"
        if not self.is_open(at):
            local = at.astimezone(self._zone)
            values: dict[str, Value] = {
                "clause": "hours.open",
                "local_time": local.strftime("%H:%M"),
                "timezone": str(self._zone),
            }
            return Refused("hours.open", "policy.refused_hours", values)
        if price_micro < self._floor:
            return self._refuse_price("price.floor", price_micro, self._floor)
        if price_micro > self._ceiling:
            return self._refuse_price("price.ceiling", price_micro, self._ceiling)
        return None

    @staticmethod
    def _refuse_price(clause: str, price_micro: int, limit_micro: int) -> Refused:
        values: dict[str, Value] = {
            "clause": clause,
            "price": decimal_text(price_micro, PRICE_PLACES),
            "limit": decimal_text(limit_micro, PRICE_PLACES),
        }
        return Refused(clause, f"policy.refused_{clause.replace('.', '_')}", values)


def compile_policy(document: PolicyDocument) -> Compiled:
    """Compile a policy."""
    return Compiled(document)

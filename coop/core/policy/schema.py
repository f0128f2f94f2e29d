"""The typed document of a policy. Unknown fields are refused everywhere: a node must never half understand a rule."""

import re
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from coop.core.errors import Invalid

DAY_MINUTES = 24 * 60
WINDOWS_MAX = 21  # three a day
PRICE_MICRO_MAX = 10**12  # a million of the major unit per million tokens; more is a typing error
TIMEZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}")
SECTIONS = ("hours", "price")


class Section(BaseModel):
    """Base of all parts of a policy: frozen, and strict about what it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Ratio(Section):
    """An exact fraction from 0 to 1."""

    numerator: int = Field(ge=0, le=10_000)
    denominator: int = Field(ge=1, le=10_000)

    @model_validator(mode="after")
    def _at_most_one(self) -> "Ratio":
        if self.numerator > self.denominator:
            raise ValueError("policy.fraction_over_one")
        return self


class Window(Section):
    """Open from `from_minute` to just before `until_minute` of the days it begins on (0 is Monday).

    An end that is not after the beginning lies on the next day.
    """

    days: list[int] = Field(min_length=1, max_length=7)
    from_minute: int = Field(ge=0, lt=DAY_MINUTES)
    until_minute: int = Field(ge=1, le=DAY_MINUTES)

    @field_validator("days")
    @classmethod
    def _days_in_order(cls, days: list[int]) -> list[int]:
        if days != sorted(set(days)) or days[0] < 0 or days[-1] > 6:
            raise ValueError("policy.days_wrong")
        return days

    @model_validator(mode="after")
    def _not_empty(self) -> "Window":
        if self.from_minute == self.until_minute:
            raise ValueError("policy.window_empty")
        return self


class Hours(Section):
    """When machines take work. Without this section they always do. Boundaries are local time, half open."""

    timezone: str = Field(max_length=64)
    open: list[Window] = Field(min_length=1, max_length=WINDOWS_MAX)

    @field_validator("timezone")
    @classmethod
    def _zone_known(cls, name: str) -> str:
        try:
            if not TIMEZONE.fullmatch(name):
                raise ValueError("policy.timezone_unknown")
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError) as error:
            raise ValueError("policy.timezone_unknown") from error
        return name


class Price(Section):
    """Prices in micro-units of the major unit per million tokens. A member discount never leads below the floor."""

    default_micro: int = Field(ge=0, le=PRICE_MICRO_MAX)
    floor_micro: int = Field(ge=0, le=PRICE_MICRO_MAX)
    ceiling_micro: int = Field(ge=0, le=PRICE_MICRO_MAX)
    member_discount: Ratio = Ratio(numerator=0, denominator=1)

    @model_validator(mode="after")
    def _in_order(self) -> "Price":
        if not self.floor_micro <= self.default_micro <= self.ceiling_micro:
            raise ValueError("policy.price_out_of_order")
        return self


class PolicyDocument(Section):
    """A whole policy. Later versions add sections; a reader that does not know one refuses the document."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)
    form: Literal["allmende.policy/1"] = Field(default="allmende.policy/1", alias="schema")
    hours: Hours | None = None
    price: Price

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document that is stored, hashed and signed."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


FOUNDING_POLICY = PolicyDocument(price=Price(default_micro=20_000, floor_micro=1_000, ceiling_micro=1_000_000))


def read_document(value: object) -> PolicyDocument:
    """Read a policy from JSON values. Raises Invalid with the code of the first problem."""
    try:
        return PolicyDocument.model_validate(value)
    except ValidationError as error:
        raise Invalid(problem_code(error)) from error


def problem_code(error: ValidationError) -> str:
    """Return the code of a document's first problem: our own where a rule of ours names it."""
    message = str(error.errors(include_input=False, include_url=False)[0]["msg"])
    found = re.search(r"policy\.[a-z_]+", message)
    return found.group() if found else "policy.malformed"


def apply_change(document: PolicyDocument, section: str, value: object) -> PolicyDocument:
    """Return the policy with one section replaced; None takes the section away. Raises Invalid."""
    if section not in SECTIONS:
        raise Invalid("policy.section_unknown", section=section[:40])
    changed = document.to_json()
    changed.pop(section, None)
    if value is not None:
        changed[section] = value
    return read_document(changed)


def section_of(document: PolicyDocument, section: str) -> dict[str, Any] | None:
    """Return one section as JSON, None where the policy has none."""
    assert section in SECTIONS
    found: dict[str, Any] | None = document.to_json().get(section)
    return found

"""The one tree of errors. An error carries a code and values; the reader's edge makes the sentence (`core/sentences.py`).

CoopError
  NotSignedIn          nobody is signed in, or the session ended
  Forbidden            signed in, but may not do this
  NotFound             no such object, or not visible to this actor
  Invalid              something a person typed; `fields` says which and why
  Conflict             the world moved on: closed ballot, second decision, same key with other content
    IdempotencyMismatch  the same idempotency key came with another body (HTTP 422)
    InFlight             the first request with this key is still running (HTTP 409)
  TooLarge             over a named limit
  TooMany              slowed down: try again after `retry_after_s`
  Gone                 was there, cannot be used again (used link, expired code)
  InsufficientCredit   the member's prepaid credit does not cover the worst case
  PolicyRefused        a clause of the policy in force forbids it
  Unavailable          a part that is needed is not reachable now; nothing was lost
  Tampered             a signature, digest or order does not hold
"""

from collections.abc import Mapping

Value = str | int | bool | None


class CoopError(Exception):
    """Base of all errors that mean something to a person.

    code: dotted name of the sentence, e.g. "ballot.closed".
    values: what the sentence needs (plain strings and integers; amounts in minor units).
    """

    def __init__(self, code: str, **values: Value) -> None:
        self.code = code
        self.values: dict[str, Value] = dict(values)
        super().__init__(code, self.values)

    def __str__(self) -> str:
        listed = ", ".join(f"{key}={value!r}" for key, value in self.values.items())
        return f"{self.code}({listed})"


class NotSignedIn(CoopError):
    """Nobody is signed in, or the session ended."""


class Forbidden(CoopError):
    """The actor may not do this."""


class NotFound(CoopError):
    """No such object, or not one this actor may see."""


class Invalid(CoopError):
    """Something a person typed. `fields` maps a field's name to the code of its problem."""

    def __init__(self, code: str = "form.invalid", *, fields: Mapping[str, str] | None = None, **values: Value) -> None:
        super().__init__(code, **values)
        self.fields: dict[str, str] = dict(fields or {})


class Conflict(CoopError):
    """The world moved on: a guarded update matched no row."""


class IdempotencyMismatch(Conflict):
    """The same idempotency key came with another content."""


class InFlight(Conflict):
    """The first request with this idempotency key has not finished."""


class TooLarge(CoopError):
    """Over a named limit."""


class TooMany(CoopError):
    """Too often; `retry_after_s` in the values says when to come back."""


class Gone(CoopError):
    """Was there once and cannot be used again."""


class InsufficientCredit(CoopError):
    """The prepaid credit does not cover the worst case of the request."""


class PolicyRefused(CoopError):
    """A clause of the policy in force forbids it. Values: clause, epoch, version, proposal (id or None)."""


class Unavailable(CoopError):
    """A part that is needed cannot be reached now. Nothing was lost."""


class Tampered(CoopError):
    """A signature, digest or order does not hold."""

"""The last good policy bundle of a party that must obey it. A bad or older bundle changes nothing. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from coop.core.clock import from_iso
from coop.core.errors import Conflict, Unavailable
from coop.core.policy.bundle import PolicyInForce, verify
from coop.core.policy.evaluate import Compiled, compile_policy


@dataclass(frozen=True)
class Obeyed:
    """A verified policy and its compiled form."""

    policy: PolicyInForce
    compiled: Compiled

    @property
    def place(self) -> tuple[int, int]:
        """Return (epoch, version)."""
        return self.policy.place

    def require_allowed(self, model: str, price_micro: int, at: datetime, *, is_member: bool) -> None:
        """Let work pass that no clause forbids. Raises PolicyRefused naming the clause, the policy and its ballot."""
        refused = self.compiled.refuse(model, price_micro, at, is_member)
        if refused is not None:
            raise self.policy.refusal(refused)


class LastGood:
    """Holds the newest bundle that verified against the pinned keys, for this co-op."""

    def __init__(self, policy_keys: list[str], coop: str) -> None:
        self._keys = policy_keys
        self._coop = coop
        self.obeyed: Obeyed | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Return (epoch, version) of the last good bundle, (0, 0) before the first."""
        return self.obeyed.place if self.obeyed else (0, 0)

    def verify(self, bundle: dict[str, Any], now: datetime) -> Obeyed:
        """Return what a bundle says. Raises Tampered or Conflict for anything unsigned, strange, older or expired."""
        known_digest = self.obeyed.policy.digest if self.obeyed else ""
        policy = verify(bundle, self._keys, now=now, at_least=self.place, known_digest=known_digest, coop=self._coop)
        return Obeyed(policy, compile_policy(policy.document))

    def take(self, bundle: dict[str, Any], now: datetime) -> bool:
        """Obey a bundle from now on. False when it is the one obeyed already. Raises as `verify`."""
        obeyed = self.verify(bundle, now)
        is_new = self.obeyed is None or obeyed.place != self.place
        if is_new:
            self.obeyed = obeyed
        return is_new

    def remember(self, bundle: dict[str, Any], now: datetime) -> None:
        """Take up again what was obeyed before a restart. An expired one allows nothing but still bars older ones."""
        try:
            self.obeyed = self.verify(bundle, now)
        except Conflict as error:
            if error.code != "policy.expired":
                raise
            just_before = from_iso(str(bundle["expires_at"])) - timedelta(microseconds=1)
            self.obeyed = self.verify(bundle, just_before)

    def current(self, now: datetime) -> Obeyed:
        """Return the policy to obey now. Raises Unavailable when there is none or it expired: then no new work."""
        if self.obeyed is None:
            raise Unavailable("job.no_policy")
        if self.obeyed.policy.expires_at <= now:
            raise Unavailable("job.policy_expired")
        return self.obeyed

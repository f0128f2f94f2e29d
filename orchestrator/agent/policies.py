"""The policy this node obeys: verified against the pinned roots, on disk before it is obeyed, obeyed until it expires."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from coop.core.clock import datetime
from coop.core.errors import CoopError, Unavailable
from coop.core.policy.bundle import PolicyInForce, verify
from coop.core.policy.evaluate import Compiled, compile_policy
from coop.core.signing import write_private

log = structlog.get_logger()


@dataclass(frozen=True)
class Obeyed:
    """A verified policy and its compiled form."""

    policy: PolicyInForce
    compiled: Compiled

    @property
    def place(self) -> tuple[int, int]:
        """Return (epoch, version)."""
        return self.policy.epoch, self.policy.version


class PolicyStore:
    """Holds the last good bundle. A bad or older one changes nothing, in memory or on disk."""

    def __init__(self, path: Path, policy_keys: list[str]) -> None:
        self._path = path
        self._keys = policy_keys
        self._obeyed: Obeyed | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Return (epoch, version) of the last good bundle, (0, 0) before the first."""
        return self._obeyed.place if self._obeyed else (0, 0)

    @property
    def digest(self) -> str:
        """Return the digest of the last good bundle, empty before the first."""
        return self._obeyed.policy.digest if self._obeyed else ""

    def load(self, now: datetime) -> None:
        """Read what was obeyed before a restart. A file that does not verify any more is left alone and not obeyed."""
        if not self._path.exists():
            return
        try:
            self._obeyed = self._verify(json.loads(self._path.read_bytes()), now)
        except (CoopError, ValueError) as error:
            log.warning("stored_policy_not_obeyed", reason=str(error))

    def _verify(self, bundle: dict[str, Any], now: datetime) -> Obeyed:
        policy = verify(bundle, self._keys, now=now, at_least=self.place)
        return Obeyed(policy, compile_policy(policy.document))

    def take(self, bundle: dict[str, Any], now: datetime) -> bool:
        """Verify, store and obey a bundle, in this order. False when it is the one obeyed already.

        Raises Tampered or Conflict, and keeps the last good one, for anything unsigned, strange, older or expired.
        """
        obeyed = self._verify(bundle, now)
        if self._obeyed is not None and obeyed.place == self._obeyed.place:
            return False
        write_private(self._path, json.dumps(bundle).encode())
        self._obeyed = obeyed
        return True

    def current(self, now: datetime) -> Obeyed:
        """Return the policy to obey now. Raises Unavailable when there is none or it expired: then no new work."""
        if self._obeyed is None:
            raise Unavailable("job.no_policy")
        if self._obeyed.policy.expires_at <= now:
            raise Unavailable("job.policy_expired")
        return self._obeyed

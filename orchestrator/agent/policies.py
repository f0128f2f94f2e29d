"""The policy this node obeys: verified against the pinned roots, and on disk before it is obeyed."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from coop.core.errors import CoopError
from coop.core.signing import write_private
from orchestrator.rules.obedience import LastGood, Obeyed

log = structlog.get_logger()


class PolicyStore:
    """Holds the last good bundle. A bad or older one changes nothing, in memory or on disk."""

    def __init__(self, path: Path, policy_keys: list[str], coop: str) -> None:
        self._path = path
        self._last = LastGood(policy_keys, coop)

    @property
    def obeyed(self) -> Obeyed | None:
        """Return the last good policy, expired or not; None before the first."""
        return self._last.obeyed

    @property
    def place(self) -> tuple[int, int]:
        """Return (epoch, version) of the last good bundle, (0, 0) before the first."""
        return self._last.place

    def load(self, now: datetime) -> None:
        """Read what was obeyed before a restart. A file that does not verify any more is left alone and not obeyed."""
        if not self._path.exists():
            return
        try:
            self._last.remember(json.loads(self._path.read_bytes()), now)
        except (CoopError, ValueError) as error:
            log.warning("stored_policy_not_obeyed", reason=str(error))

    def take(self, bundle: dict[str, Any], now: datetime) -> bool:
        """Verify, store and obey a bundle, in this order. False when it is the one obeyed already.

        Raises Tampered or Conflict, and keeps the last good one, for anything unsigned, strange, older or expired.
        """
        if self._last.verify(bundle, now).place == self.place:
            return False
        write_private(self._path, json.dumps(bundle).encode())
        return self._last.take(bundle, now)

    def current(self, now: datetime) -> Obeyed:
        """Return the policy to obey now. Raises Unavailable when there is none or it expired: then no new work."""
        return self._last.current(now)

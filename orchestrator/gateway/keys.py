"""What API keys may do, asked of control and remembered for a few seconds. Secrets are hashed on arrival."""

import time
from collections import OrderedDict

from coop.core.errors import CoopError, Gone, NotFound, NotSignedIn
from coop.core.ids import token_digest
from orchestrator.gateway.control import Grid
from orchestrator.messages import KeyResolved

REMEMBER_S = 5.0
KEYS_MAX = 10_000
SECRET_PREFIX = "alm_"  # noqa: S105 - what all secrets start with, not one
SECRET_CHARS_MAX = 100


class Keys:
    """A small cache. A revoked key is refused REMEMBER_S later at most."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._known: OrderedDict[str, tuple[float, KeyResolved | CoopError]] = OrderedDict()

    async def resolve(self, authorization: str) -> KeyResolved:
        """Return what the key in an Authorization header may do. Raises NotSignedIn, Gone or Unavailable."""
        scheme, _, secret = authorization.partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret:
            raise NotSignedIn("key.missing")
        if not secret.startswith(SECRET_PREFIX) or len(secret) > SECRET_CHARS_MAX:
            raise NotSignedIn("key.unknown_secret")
        digest = token_digest(secret)
        known = self._known.get(digest)
        if known is None or known[0] < time.monotonic():
            known = (time.monotonic() + REMEMBER_S, await self._ask(digest))
            self._known[digest] = known
            self._known.move_to_end(digest)
            while len(self._known) > KEYS_MAX:
                self._known.popitem(last=False)
        if isinstance(known[1], CoopError):
            raise known[1]
        return known[1]

    async def _ask(self, digest: str) -> KeyResolved | CoopError:
        try:
            return await self._grid.resolve(digest)
        except NotFound as error:
            return NotSignedIn(error.code, **error.values)
        except Gone as error:
            return error

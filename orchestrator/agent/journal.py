"""Receipts that control has not taken yet, one synced file each, written before the work is answered."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from coop.core.errors import Unavailable
from coop.core.signing import write_private

RECEIPTS_MAX = 5_000
REFUSED_MAX = 1_000  # receipts that control refused for good, kept for people to look at
SUFFIX = ".json"


@dataclass(frozen=True)
class Kept:
    """A signed receipt and the digest of the job it is for, so that a repeated job is recognised."""

    receipt: dict[str, Any]
    signature: str
    job_digest: str


class Journal:
    """A folder of receipts. Half-written files end in `.new` and are not receipts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refused_folder = folder / "refused"
        self.refused_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for leftover in folder.glob("*.new"):
            leftover.unlink()
        self._ids = {path.stem for path in folder.glob(f"*{SUFFIX}")}

    def __len__(self) -> int:
        return len(self._ids)

    def require_room(self) -> None:
        """Let work start only while its receipt can be kept. Raises Unavailable."""
        if len(self._ids) >= RECEIPTS_MAX:
            raise Unavailable("job.journal_full", limit=RECEIPTS_MAX)

    def _path(self, receipt_id: str) -> Path:
        return self.folder / f"{receipt_id}{SUFFIX}"

    def put(self, kept: Kept) -> None:
        """Write a receipt and sync it. When this returns it survives a crash."""
        receipt_id = str(kept.receipt["id"])
        write_private(self._path(receipt_id), json.dumps(asdict(kept)).encode())
        self._ids.add(receipt_id)

    def get(self, receipt_id: str) -> Kept | None:
        """Return a receipt that still waits, or None."""
        if receipt_id not in self._ids:
            return None
        return Kept(**json.loads(self._path(receipt_id).read_bytes()))

    def list_ids(self, limit: int) -> list[str]:
        """Return the oldest ids; they are time-ordered."""
        return sorted(self._ids)[:limit]

    def remove(self, receipt_id: str) -> None:
        """Forget a receipt that control has committed."""
        self._ids.discard(receipt_id)
        self._path(receipt_id).unlink(missing_ok=True)

    def set_aside(self, receipt_id: str) -> None:
        """Keep a receipt that control refused for good out of the way of the others; of very many the oldest go."""
        self._ids.discard(receipt_id)
        os.replace(self._path(receipt_id), self.refused_folder / f"{receipt_id}{SUFFIX}")
        for path in sorted(self.refused_folder.glob(f"*{SUFFIX}"))[:-REFUSED_MAX]:
            path.unlink()

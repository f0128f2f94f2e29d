"""What control knows of living nodes. Heartbeats stay in memory and reach the database together, every two seconds."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from coop.core.clock import utc_now
from orchestrator.control.store import Store
from orchestrator.messages import Heartbeat
from orchestrator.services import nodes

NODES_MAX = 20_000  # names kept in memory; the server lets no more connect


@dataclass
class Seen:
    """The newest word of one node."""

    beat: Heartbeat
    at: datetime
    place: tuple[int, int]
    inventory: dict[str, object] | None = None
    is_dirty: bool = True


class Fleet:
    """The fleet table in memory. `is_urgent` asks for a flush before the two seconds are over."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, Seen] = {}
        self.is_urgent = False

    def note_beat(self, name: str, beat: Heartbeat) -> None:
        """Note that a node lives. A node that is new, changed its models or its policy is urgent."""
        before = self._seen.get(name)
        if before is None and len(self._seen) >= NODES_MAX:
            return
        said = (beat.epoch, beat.policy_version)
        place = said if before is None else max(said, before.place)
        inventory = beat.inventory if beat.inventory is not None else (before.inventory if before else None)
        if before is None or before.place != place or before.beat.models != beat.models:
            self.is_urgent = True
        self._seen[name] = Seen(beat=beat, at=utc_now(), place=place, inventory=inventory)

    def note_obeyed(self, name: str, place: tuple[int, int]) -> None:
        """Keep an older heartbeat, still to be flushed, from hiding what a node obeys now."""
        seen = self._seen.get(name)
        if seen is not None:
            seen.place = max(seen.place, place)

    def is_accepting(self, name: str) -> bool:
        """Say whether the node takes new work, as far as we heard."""
        seen = self._seen.get(name)
        return seen is None or seen.beat.is_accepting

    def forget_places(self) -> None:
        """Take every node at its next word; used after the policy's epoch was raised by a restore."""
        for seen in self._seen.values():
            seen.place = (seen.beat.epoch, seen.beat.policy_version)

    async def flush(self) -> int:
        """Write all news in one transaction and return how many nodes had some."""
        self.is_urgent = False
        news = {name: seen for name, seen in self._seen.items() if seen.is_dirty}
        if not news:
            return 0
        for seen in news.values():
            seen.is_dirty = False

        def write(session: Session, _now: datetime) -> None:
            for name, seen in sorted(news.items()):
                epoch, version = seen.place
                nodes.note_beat(
                    session,
                    name=name,
                    models=seen.beat.models,
                    epoch=epoch,
                    version=version,
                    inventory=seen.inventory,
                    now=seen.at,
                )

        try:
            await self._store.write(write)
        except BaseException:
            for seen in news.values():
                seen.is_dirty = True
            raise
        for seen in news.values():
            seen.inventory = None
        return len(news)

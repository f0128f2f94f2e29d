"""Real processes: a throwaway instance per module, started and stopped as people would."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coop.story.instance import Instance


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """An instance that is not started yet; whatever the test starts is stopped."""
    made = Instance(tmp_path / "home")
    yield made
    made.stop()

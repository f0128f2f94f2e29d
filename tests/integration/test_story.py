"""The chain, whole: `coop story` is what people run, so it is what the test runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from coop.core.db import Database

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("instances")]


def test_story_ends_well_and_leaves_its_artefacts(database: Database, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "coop.cli", "story", "--out", str(out)]
    if not database.is_sqlite:  # on SQLite the story makes a file of its own
        command += ["--database-url", database.engine.url.render_as_string(hide_password=False)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    names = {path.name for path in out.iterdir()}
    assert {
        "policy-bundle.json",
        "receipts.jsonl",
        "payout-run.pdf",
        "ledger.csv",
        "log-head.json",
        "story.json",
    } <= names
    assert [name for name in names if name.startswith("statement-")]
    steps = json.loads((out / "story.json").read_text())["steps"]
    assert len(steps) >= 8
    assert all(step["proved"] for step in steps)
    for name in ("policy-bundle.json", "log-head.json"):
        checked = subprocess.run(
            [sys.executable, "-m", "coop.cli", "verify", str(out / name)], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr

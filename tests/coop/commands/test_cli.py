"""The command line as a stranger meets it: JSON on request, exit codes, remedies, and no portal in the base install."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
READING = (
    ("member", "list"), ("ledger", "balance"), ("payout", "list"), ("proposal", "list"), ("policy", "list"),
    ("node", "list"), ("key", "list"),
)  # fmt: skip
# What only the extra `portal` brings; the base install has to do without.
PORTAL_ONLY = (
    "flask",
    "sqlalchemy",
    "sqlmodel",
    "alembic",
    "weasyprint",
    "apscheduler",
    "starlette",
    "gunicorn",
    "argon2",
)
BASE = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {PORTAL_ONLY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name.split(".")[0])

sys.meta_path.insert(0, Missing())
import orchestrator.agent.main, orchestrator.agent.enrol
from coop.cli import main
sys.argv = ["coop", *sys.argv[1:]]
main()
"""


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `coop` with a home of its own."""
    environment = {**os.environ, "COOP_HOME": str(home)}
    command = [sys.executable, "-m", "coop.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)


@pytest.fixture(scope="module")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("demo") / "home"
    filled = run(home, "demo")
    assert filled.returncode == 0, filled.stderr
    return home


def test_reading_commands_print_tables_and_json(demo_home: Path) -> None:
    for words in READING:
        rows = json.loads(run(demo_home, *words, "--json").stdout)
        assert rows, words
        table = run(demo_home, *words)
        assert table.returncode == 0
        assert f"({len(rows)})" in table.stdout


def test_a_filled_instance_is_not_filled_again(demo_home: Path) -> None:
    again = run(demo_home, "demo")
    assert again.returncode == 1
    assert "COOP_HOME" in again.stderr
    assert run(demo_home, "demo", "--if-empty").returncode == 0


def test_doctor_names_the_remedy_and_finds_the_books_well(demo_home: Path) -> None:
    report = run(demo_home, "doctor", "--json")
    assert report.returncode == 3  # the operator's key still lies there
    findings = {finding["what"]: finding for finding in json.loads(report.stdout)}
    assert not findings["operator key"]["is_well"]
    assert "offline" in findings["operator key"]["remedy"]
    assert findings["ledger"]["is_well"]
    assert findings["log"]["is_well"]


def test_status_of_a_stopped_instance_says_how_to_start_it(demo_home: Path) -> None:
    report = run(demo_home, "status")
    assert report.returncode == 3
    assert "coop up" in report.stdout


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", "not json"),
        ("x.json", "[]"),
        ("x.json", '{"schema": "else"}'),
        ("x.json", '{"schema": "allmende.bundle/1"}'),
        ("x.jsonl", '{"receipt": {}}\n'),
    ],
)
def test_verify_refuses_what_does_not_hold(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    refused = run(tmp_path, "verify", str(tmp_path / name))
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert "DOES NOT HOLD" in refused.stdout
    assert "Traceback" not in refused.stderr


def test_usage_errors_end_with_2(tmp_path: Path) -> None:
    assert run(tmp_path, "no-such-command").returncode == 2
    assert run(tmp_path, "verify").returncode == 2
    bad_code = run(tmp_path, "node", "enrol", "not-a-code")
    assert bad_code.returncode == 2
    assert "Traceback" not in bad_code.stderr


def test_the_base_install_runs_the_agent_and_says_what_the_rest_needs(tmp_path: Path) -> None:
    def base(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", BASE, *arguments], capture_output=True, text=True, check=False, timeout=60,
            env={**os.environ, "COOP_HOME": str(tmp_path)},
        )  # fmt: skip

    assert base("agent", "--help").returncode == 0
    assert base("node", "enrol", "--help").returncode == 0
    refused = base("ledger", "balance")
    assert refused.returncode == 1
    assert "allmende[portal]" in refused.stderr

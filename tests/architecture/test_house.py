"""Rules of the house that a reader of the code relies on."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("coop", "governance", "orchestrator")
SOURCES = [*sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")), ROOT / "app.py"]
FUNCTION_LINES_MAX = 60
MODULE_LINES_MAX = 400


def named(path: Path) -> str:
    """The path as people write it."""
    return path.relative_to(ROOT).as_posix()


def test_only_db_commits() -> None:
    assert [
        named(path) for path in SOURCES if ".commit(" in path.read_text() and path.name not in ("db.py", "schema.py")
    ] == []


def test_subjects_are_built_in_one_file() -> None:
    offenders = [named(path) for path in SOURCES if "grid.v1" in path.read_text() and path.name != "subjects.py"]
    assert offenders == []


def test_modules_and_functions_stay_readable() -> None:
    long_modules = [named(path) for path in SOURCES if len(path.read_text().splitlines()) > MODULE_LINES_MAX]
    long_functions = [
        f"{named(path)}:{node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert long_modules == []
    assert long_functions == []


@pytest.mark.parametrize("layer", ["services", "rules", "models"])
def test_domain_code_takes_its_time_from_the_caller(layer: str) -> None:
    clocks = re.compile(r"datetime\.now|utc_now\(\)|time\.time\(\)|date\.today")
    offenders = [named(path) for path in SOURCES if f"/{layer}/" in str(path) and clocks.search(path.read_text())]
    assert offenders == []


def test_imports_keep_their_layers() -> None:
    done = subprocess.run([ROOT / ".venv/bin/lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_no_file_names_a_registry_or_this_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    forbidden = re.compile(r"https?://[^\s\"']*(pypi|npmjs|pythonhosted)[^\s\"']*|(^|[^\w.])/(wo" r"rk)/", re.MULTILINE)
    offenders = [
        name
        for name in listed
        if (ROOT / name).is_file() and forbidden.search((ROOT / name).read_text(errors="ignore"))
    ]
    assert offenders == []

"""A built wheel holds templates, static files and migrations, and runs far from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow
PROGRAM = """
import pathlib, coop.core.resources
from coop.commands.up import prepare
from coop.core.settings import Settings
import app
here = pathlib.Path(coop.__file__).parent
assert coop.core.resources.resource("templates") == here / "templates", here
token = prepare(Settings())
client = app.create_app(Settings()).test_client()
assert client.get("/livez").status_code == 200
page = client.get(f"/setup/{token}")
assert page.status_code == 200, page.text
assert client.get("/static/base.css").status_code == 200
"""


def test_a_built_wheel_holds_what_it_needs_and_runs(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)], check=True, timeout=240)
    wheel = next(tmp_path.glob("allmende-*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in ("app.py", "coop/templates/layout.html", "coop/static/base.css", "coop/migrations/env.py"):
        assert wanted in names
    assert not [name for name in names if name.startswith(("tests/", "bench/", "docs/"))]
    target = tmp_path / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True, timeout=240)
    environment = {**os.environ, "PYTHONPATH": str(target), "COOP_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]

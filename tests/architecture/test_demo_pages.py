"""The demo's pages: everything the cast can click opens, and every template is shown to somebody."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from sqlmodel import select

from app import create_app, demo_steps
from coop.commands.up import prepare
from coop.core.db import Database
from coop.core.settings import Settings
from coop.models.users import User
from orchestrator.models.nodes import Node
from tests.portal import Portal, post

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r'href="(/[^"#]*)"')
READERS = ("stranger", "Ada", "Bo", "Cy", "Finn", "Gul", "Lea")
PAGES_MAX = 250
# Templates that only a form's answer or a PDF shows, with the test that makes it.
MEMBERSHIP, PAYOUTS = "tests/coop/web/test_membership_pages.py", "tests/coop/web/test_payout_pages.py"
BALLOTS = "tests/governance/web/test_ballot_pages.py"
ELSEWHERE = {
    "applications/received.html": MEMBERSHIP,
    "errors/show.html": "tests/coop/web/test_requests.py",
    "ledger/payment.html": MEMBERSHIP,
    "payouts/paper.html": PAYOUTS,
    "payouts/pay.html": PAYOUTS,
    "payouts/run_pdf.html": PAYOUTS,
    "payouts/statement_pdf.html": PAYOUTS,
    "periods/panel.html": PAYOUTS,
    "proposals/check.html": BALLOTS,
    "proposals/receipt.html": BALLOTS,
    "proposals/vote.html": BALLOTS,
    "sessions/link.html": "tests/coop/web/test_identity.py",
    "setup/index.html": "tests/coop/web/test_requests.py",
    "setup/new.html": "tests/coop/web/test_identity.py",
    "shares/show.html": MEMBERSHIP,
    "users/panel.html": "tests/coop/web/test_identity.py",
}


@pytest.fixture(scope="module")
def demo(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """The demo instance, filled by its own steps."""
    home = tmp_path_factory.mktemp("demo")
    shutil.copy(migrated_file, home / "coop.db")
    settings = Settings(home=home)
    prepare(settings)
    database = Database(settings.database)
    for step in demo_steps():
        with database.transaction() as session:
            step.play(session, settings, datetime.now(UTC))
    app = create_app(settings)
    app.testing = True
    portal = Portal(app, database)
    with database.reading() as session:
        portal.users = {user.name.split()[0]: user.id for user in session.exec(select(User))}
    yield portal
    app.extensions["coop_database"].close()
    database.close()


def walk(portal: Portal, reader: str) -> dict[str, int]:
    """Path -> status of every page one reader can reach by links."""
    client = portal.browser(reader)
    seen: dict[str, int] = {}
    waiting = ["/"]
    while waiting and len(seen) < PAGES_MAX:
        path = waiting.pop(0)
        if path in seen or path.startswith("/static/"):
            continue
        answer = client.get(path, buffered=True)
        seen[path] = answer.status_code
        if answer.status_code == 303:
            waiting.append(answer.headers["Location"])
        if answer.mimetype == "text/html":
            waiting += [unescape(link) for link in LINK.findall(answer.text)]
            if answer.status_code == 200:
                assert "DEMO" in answer.text, f"{reader} {path} is not marked as demo"
    return seen


@pytest.mark.slow
def test_everything_the_cast_can_click_opens_and_every_template_is_shown(demo: Portal) -> None:
    broken = {}
    with demo.database.transaction() as session:
        known = session.exec(select(Node)).first()
        assert known
        copied = known.model_dump(include={"owner_id", "inventory", "models", "enrolled_at"})
        session.add(Node(name="shed-7", state="waiting", public_key="UWAITING", **copied))
    assert post(demo.browser("Bo"), "/keys/new", "/keys", name="notebook").status_code == 201
    for reader in READERS:
        for path, status in walk(demo, reader).items():
            if status not in (200, 303):
                broken[f"{reader} {path}"] = status
    assert broken == {}, json.dumps(broken, indent=1)
    cache = demo.app.jinja_env.cache
    assert cache is not None
    shown = {key[1] for key in cache.keys()} | ELSEWHERE.keys()  # noqa: SIM118 Jinja's cache is no dictionary
    every = {path.relative_to(ROOT / "templates").as_posix() for path in (ROOT / "templates").rglob("*.html")}
    missing = sorted(name for name in every - shown if not name.startswith("documents/"))
    assert missing == [], ", ".join(missing)
    assert [name for name in ELSEWHERE.values() if not (ROOT / name).exists()] == []

"""The close of a period and its payout run, through the pages, by the people who do it."""

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlmodel import select

from app import create_app
from coop.core.db import Database
from coop.core.settings import Settings
from coop.models.payouts import Payout
from coop.services import policies, sessions
from coop.web.gate import SESSION_COOKIE
from coop.worker import TASKS, work_once
from tests import treasury as books
from tests.portal import Portal, post


@pytest.fixture
def pages(sqlite: Database, tmp_path: Path) -> Iterator["Pages"]:
    with sqlite.transaction() as session:
        people = books.found(session)
        books.use_some(session, people)
        policies.enact_first(session, books.STARTS_AT)
    settings = Settings(home=tmp_path, database_url=sqlite.engine.url.render_as_string(hide_password=False))
    app = create_app(settings)
    app.testing = True
    yield Pages(app, sqlite, people, settings)
    app.extensions["coop_database"].close()


class Pages:
    def __init__(self, app: object, database: Database, people: books.Treasury, settings: Settings) -> None:
        self.portal = Portal(app, database)  # type: ignore[arg-type]
        self.people, self.settings, self.database = people, settings, database

    def browser(self, name: str) -> FlaskClient:
        client = self.portal.app.test_client()
        user_id = self.people.actors[name].user_id
        assert user_id is not None
        with self.database.transaction() as session:
            token = sessions.create(session, user_id=user_id, now=datetime.now(UTC))
        client.set_cookie(SESSION_COOKIE, token)
        return client

    def close(self) -> str:
        """Close the quarter as Ada does; return the run's address."""
        ada = self.browser("ada")
        answer = post(
            ada, "/periods/new", "/periods", name="Quarter 2", starts_at="2026-04-01T02:00", ends_at="2026-07-01T02:00"
        )
        assert answer.status_code == 303, answer.text
        page = answer.location.split("?")[0]
        for action, data in (
            ("/usage", {}),
            ("/costs", {"text": "Power", "amount": "0.60"}),
            ("/costs/complete", {}),
            ("/distribution", {}),
        ):
            assert post(ada, page, page + action, **data).status_code == 303
            assert ada.get(page).status_code == 200
        answer = post(ada, page, "/payouts", period_id=page.rsplit("/", 1)[1])
        assert answer.status_code == 303, answer.text
        return str(answer.location.split("?")[0])


def seen_digest(client: FlaskClient, page: str) -> str:
    found = re.search(r'name="content_digest" value="([0-9a-f]{64})"', client.get(page).text)
    assert found
    return found[1]


@pytest.mark.slow
def test_the_whole_close_through_the_pages(pages: Pages) -> None:
    run = pages.close()
    ada, finn, bo = pages.browser("ada"), pages.browser("finn"), pages.browser("bo")
    page = ada.get(run).text
    assert "You prepared this run" in page
    assert "Finn" in page
    assert f"{run}/approval" in finn.get("/").text
    assert post(finn, run + "/approval", run + "/approval", content_digest="0" * 64).status_code == 409
    answer = post(finn, run + "/approval", run + "/approval", content_digest=seen_digest(finn, run + "/approval"))
    assert answer.status_code == 303
    assert work_once(pages.database, pages.settings, holder="t", stop=threading.Event(), kinds=TASKS)
    assert ada.get(run + "/document").data.startswith(b"%PDF-")
    assert post(ada, run + "/payment", run + "/payment").status_code == 303
    assert "Paid" in ada.get(run).text
    mine = bo.get("/payouts/mine").text
    statement = re.search(r'href="(/payouts/statements/[0-9a-f]+)"', mine)
    assert statement
    text = bo.get(statement[1]).text
    assert "How it came about" in text
    assert bo.get(statement[1] + "/document").data.startswith(b"%PDF-")
    assert bo.get(run).status_code == 403
    assert pages.browser("gul").get(statement[1]).status_code == 404
    assert pages.browser("gul").get(statement[1] + "/document").status_code == 404
    assert bo.get(run + "/document").status_code == 403
    data = ada.get(run, headers={"Accept": "application/json"}).json
    assert data is not None
    assert data["state"] == "paid"
    assert len(data["documents"]) == 6


def test_a_second_click_signs_once(pages: Pages) -> None:
    run = pages.close()
    finn = pages.browser("finn")
    html = finn.get(run + "/approval").text
    data = dict(re.findall(r'type="hidden" name="([a-z_]+)" value="([^"]+)"', html))
    answers = [finn.post(run + "/approval", data=data) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.location.split("?")[0] for answer in answers}) == 1
    assert finn.post(run + "/approval", data={**data, "content_digest": "0" * 64}).status_code == 422


def test_nobody_else_reaches_a_signature_or_a_payment(pages: Pages) -> None:
    run = pages.close()
    for name in ("ada", "bo", "gul", "lea"):
        assert pages.browser(name).get(run + "/approval").status_code == 403
    for name in ("bo", "finn", "gul", "lea"):
        assert pages.browser(name).get(run + "/payment").status_code == 403
    ada = pages.browser("ada")
    form = dict(re.findall(r'type="hidden" name="([a-z_]+)" value="([^"]+)"', ada.get("/periods/new").text))
    assert ada.post(run + "/approval", data=form).status_code == 403
    assert ada.post(run + "/payment", data=form).status_code == 409


def test_a_period_with_wrong_answers_is_shown_again(pages: Pages) -> None:
    ada = pages.browser("ada")
    for starts_at, ends_at in (("yesterday", "2026-07-01T00:00"), ("2026-07-01T00:00", "2026-06-01T00:00")):
        answer = post(ada, "/periods/new", "/periods", name="X", starts_at=starts_at, ends_at=ends_at)
        assert answer.status_code == 422
        assert "There is a problem" in answer.text


def test_statements_are_the_reader_s_own(pages: Pages) -> None:
    pages.close()
    with pages.database.reading() as session:
        rows = {row.member_id: row.id for row in session.exec(select(Payout))}
    gul = pages.people.gul.member_id
    assert gul is not None
    assert pages.browser("gul").get(f"/payouts/statements/{rows[gul]}").status_code == 200
    assert pages.browser("finn").get(f"/payouts/statements/{rows[gul]}").status_code == 200
    assert pages.browser("bo").get(f"/payouts/statements/{rows[gul]}").status_code == 404
    assert "PDF is made when the run is approved" in pages.browser("gul").get(f"/payouts/statements/{rows[gul]}").text

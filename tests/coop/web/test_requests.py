"""What every request meets: forms that act once, limits, languages, errors that name the remedy."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import g
from sqlalchemy.exc import OperationalError

from app import BODY_BYTES_MAX, create_app
from coop.core.actor import Role
from coop.core.errors import Invalid
from coop.core.settings import Settings
from coop.web import formats, sessions
from coop.web.forms import Form
from tests.portal import FORM_TOKEN, REQUEST_KEY, Portal, post

ADMIN = Role.ADMIN.value


def test_a_form_sent_again_acts_once_and_gets_the_same_answer(portal: Portal) -> None:
    client = portal.browser(ADMIN)
    html = client.get("/users/new").text
    token, key = FORM_TOKEN.search(html), REQUEST_KEY.search(html)
    assert token
    assert key
    data = {"form_token": token[1], "request_key": key[1], "name": "Noor", "email": "noor@example.org"}
    first, second = client.post("/users", data=data), client.post("/users", data=data)
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"] == second.headers["Location"]
    other = client.post("/users", data={**data, "email": "other@example.org"})
    assert other.status_code == 422
    assert "sent before with other content" in other.text
    assert client.post("/users", data={**data, "request_key": ""}).status_code == 422


def test_parallel_sends_of_a_form_have_one_effect_and_one_answer(portal: Portal) -> None:
    client = portal.browser(ADMIN)
    html = client.get("/users/new").text
    token, key = FORM_TOKEN.search(html), REQUEST_KEY.search(html)
    cookie = client.get_cookie("coop_session")
    assert token
    assert key
    assert cookie
    data = {"form_token": token[1], "request_key": key[1], "name": "Noor", "email": "noor@example.org"}

    def send(_index: int) -> str:
        browser = portal.app.test_client()
        browser.set_cookie("coop_session", cookie.value)
        return str(browser.post("/users", data=data).headers.get("Location"))

    with ThreadPoolExecutor(5) as pool:
        places = set(pool.map(send, range(5)))
    assert len(places) == 1
    assert "/users/" in places.pop()
    assert client.get("/users").text.count("noor@example.org") == 1


def test_a_large_request_gets_a_page_that_names_the_limit(portal: Portal) -> None:
    client = portal.browser("stranger")
    answer = client.post("/sign-in", data={"email": "x" * (BODY_BYTES_MAX + 1)})
    assert answer.status_code == 413
    assert "1024 kB" in answer.text


def test_an_unreachable_database_gets_a_page_that_says_nothing_was_changed(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path}/missing/coop.db"))
    app.testing = True
    client = app.test_client()
    answer = client.get("/")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "nothing was changed" in answer.text
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert "coop doctor" in ready.text
    assert client.get("/livez").status_code == 200
    app.extensions["coop_database"].close()


def test_no_log_line_holds_the_secret_of_a_link(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_args: object, **_values: object) -> None:
        raise OperationalError("locked", {}, Exception("locked"))

    monkeypatch.setattr(sessions.signin_links, "peek", fail)
    assert portal.browser("stranger").get("/sign-in/canary-of-a-link").status_code == 503
    shown = capsys.readouterr()
    assert "canary" not in shown.out + shown.err
    assert "/sign-in/<token>" in shown.out + shown.err


def test_scripts_get_problems_as_json(portal: Portal) -> None:
    answer = portal.browser("stranger").get("/users", headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["code"] == "access.not_signed_in"


@pytest.mark.parametrize(
    "path", ["https://evil.example/", "//evil.example", "/\\evil.example", "evil", "", "/a\r\nSet-Cookie: x=y"]
)
def test_only_own_paths_are_gone_on_to(path: str) -> None:
    assert sessions.own_path(path) == "/"


def test_health_answers_and_numbers_are_plain(portal: Portal) -> None:
    client = portal.browser("stranger")
    assert client.get("/readyz").get_json() == {"status": "ok", "problems": []}
    metrics = client.get("/metrics").text
    assert "coop_ledger_sum_minor 0.0" in metrics
    assert "coop_outbox_waiting" in metrics
    assert "coop_log_unsequenced" in metrics


def test_before_setup_every_page_leads_to_it(sqlite: object, tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path}/coop.db"))
    client = app.test_client()
    for path in ("/", "/sign-in", "/users"):
        assert client.get(path).headers["Location"] == "/setup"
    assert "coop up" in client.get("/setup").text
    app.extensions["coop_database"].close()


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("shares", "-1", "money.not_a_number"),
        ("shares", "1e30", "money.not_a_number"),
        ("shares", "0", "shares.not_positive"),
        ("shares", "0.0000001", "money.too_many_places"),
        ("amount", "12.345", "money.too_many_places"),
        ("text", "a\u202eb", "form.control_character"),
        ("text", "x" * 121, "form.too_long"),
        ("text", "  ", "form.required"),
        ("email", "a@b", "form.not_email"),
        ("integer", "1.5", "form.not_integer"),
        ("integer", "11", "form.out_of_range"),
        ("choice", "other", "form.not_choice"),
        ("date", "2026-02-30", "form.not_date"),
    ],
)
def test_what_cannot_be_read_is_a_problem_of_its_field(name: str, value: str, code: str) -> None:
    form = Form({"x": value})
    reads = {
        "shares": lambda: form.shares("x"),
        "amount": lambda: form.amount("x", "EUR"),
        "text": lambda: form.text("x"),
        "email": lambda: form.email("x"),
        "integer": lambda: form.integer("x", most=10),
        "choice": lambda: form.choice("x", ["a"]),
        "date": lambda: form.date("x"),
    }
    reads[name]()
    assert form.errors == {"x": code}
    with pytest.raises(Invalid):
        form.check()


def test_amounts_are_written_exactly(portal: Portal) -> None:
    with portal.app.test_request_context("/"):
        g.cooperative = None
        assert formats.money(6156) == "€61.56"
        assert formats.money(-123456) == "-€1,234.56"
        assert formats.money_nano(10_000_000) == "€0.01"
        assert formats.money_nano(1_234) == "€0.000001234"
        assert formats.shares(4_500_000) == "4.5"
        assert formats.shares(1) == "0.000001"
        assert formats.percent(1, 3) == "33.3 %"
        assert formats.percent(0, 0) == "–"


def test_stored_markup_is_shown_as_text(portal: Portal) -> None:
    client = portal.browser(ADMIN)
    name = "<script>alert(1)</script>\"'><img src=x>"
    place = post(client, "/users/new", "/users", name=name, email="x@example.org").headers["Location"]
    html = client.get(place).text
    assert "<script>alert" not in html
    assert "<img src=x" not in html

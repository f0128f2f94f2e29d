"""What an attacker types: NUL bytes, huge numbers, broken JSON, years at the end of time. No answer is ever a 500."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from coop.core.actor import Role
from coop.core.db import Database
from coop.web.csrf import SAFE_METHODS
from tests.portal import FORM_TOKEN, REQUEST_KEY, Portal, found, post

ARGUMENT = re.compile(r"<(?:(int):)?[^>]+>")
FIELDS = ("name", "email", "reference", "amount", "reason", "role", "period_id", "choice", "text", "shares", "password")
PERSONAS = ("stranger", "member", *(role.value for role in Role))


@pytest.fixture
def portal(database: Database, tmp_path: Path) -> Portal:
    return found(database, tmp_path)


def addresses(portal: Portal, method: str, number: str, text: str) -> list[str]:
    """Every address that takes the method, its arguments filled in."""
    return [
        ARGUMENT.sub(lambda match: number if match[1] else text, rule.rule)
        for rule in portal.app.url_map.iter_rules()
        if method in (rule.methods or ()) and rule.endpoint != "static"
    ]


def close(portal: Portal) -> None:
    portal.app.extensions["coop_database"].close()


@pytest.mark.parametrize(("number", "text"), [("9" * 30, "no-such-thing"), ("2147483648", "a%00b"), ("1", "%ff%fe")])
def test_an_address_that_cannot_be_is_not_found(portal: Portal, number: str, text: str) -> None:
    browsers = [portal.browser(persona) for persona in PERSONAS]
    for path in addresses(portal, "GET", number, text):
        for browser in browsers:
            status = browser.get(path).status_code
            assert status < 500 or path == "/api/enrolments", (path, status)  # without control there are no roots
            if text == "a%00b" and text in path:
                assert status == 404, (path, status)
    close(portal)


def tokens(browser: FlaskClient) -> dict[str, str]:
    html = browser.get("/sign-in").text
    token, key = FORM_TOKEN.search(html), REQUEST_KEY.search(html)
    assert token
    assert key
    return {"form_token": token[1], "request_key": key[1]}


def test_nul_in_any_field_or_key_is_a_clear_422(portal: Portal) -> None:
    for persona in PERSONAS:
        browser = portal.browser(persona)
        data = tokens(browser)
        for path in addresses(portal, "POST", "1", "0" * 32):
            for fields in (dict.fromkeys(FIELDS, "a\x00b"), {"request_key": "a\x00b"}, {"a\x00b": "1"}):
                answer = browser.post(path, data={**data, **fields})
                assert answer.status_code in (401, 403, 422), (persona, path, answer.status_code)
                if answer.status_code == 422:
                    assert "cannot" in answer.text
    answer = portal.browser("treasurer").get("/ledger/payments/check?reference=A%00&amount=1")
    assert answer.status_code == 422
    close(portal)


def test_broken_json_of_a_machine_is_refused(portal: Portal) -> None:
    stranger = portal.browser("stranger")
    good = '{"code": "%s", "public_key": "U", "inventory": {"system": "%s"}}'
    for body in (
        "[" * 200_000,
        good % ("\\ud800", ""),
        good % ("a", "\\u0000"),
        good % ("\\u0000", ""),
        "\x00",
        "9" * 9999,
    ):
        answer = stranger.post("/api/enrolments", data=body, content_type="application/json")
        assert answer.status_code == 422, (body[:80], answer.status_code)
    close(portal)


def test_days_at_the_end_of_time_are_problems_of_their_field(portal: Portal) -> None:
    for day in ("9999-12-31", "0001-01-01"):
        assert post(portal.browser("member"), "/keys/new", "/keys", name="x", expires_on=day).status_code == 422
        assert portal.browser("member").get(f"/members?on={day}").status_code == 200
        moments = {"starts_at": f"{day}T00:00:00+14:00", "ends_at": f"{day}T23:59:59-12:00"}
        answer = post(portal.browser("treasurer"), "/periods/new", "/periods", name="x", **moments)
        assert answer.status_code == 422, answer.text
    close(portal)


def test_other_methods_change_nothing_and_break_nothing(portal: Portal) -> None:
    browser = portal.browser("treasurer")
    for path in addresses(portal, "GET", "1", "0" * 32):
        for method in sorted(SAFE_METHODS - {"GET"}):
            assert browser.open(path, method=method).status_code < 500 or path == "/api/enrolments"
        assert browser.open(path, method="PATCH").status_code in (403, 404, 405)
    close(portal)


def test_machines_that_guess_codes_are_slowed(portal: Portal) -> None:
    stranger = portal.browser("stranger")
    body = {"code": "AAAA-AAAA-AAAA", "public_key": "U", "inventory": {}}
    statuses = [stranger.post("/api/enrolments", json=body).status_code for _ in range(40)]
    assert 429 in statuses
    close(portal)

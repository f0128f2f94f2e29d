"""Setup, sign-in, account and users through the pages, as people do it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from coop.core.actor import Role
from coop.core.db import Database
from coop.core.settings import Settings
from coop.services import cooperatives, setup
from tests.portal import Portal, post

ADMIN = Role.ADMIN.value
PASSWORD = "four words in a row"
ANSWERS = {
    "coop_name": "Valley",
    "legal_name": "Valley eG",
    "currency": "EUR",
    "timezone": "Europe/Berlin",
    "name": "Gul",
    "email": "Gul@Example.org",
    "password": PASSWORD,
}


@pytest.fixture
def fresh(sqlite: Database, tmp_path: Path) -> Iterator[FlaskClient]:
    """A browser at an instance that is not set up."""
    app = create_app(Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path}/coop.db"))
    app.testing = True
    yield app.test_client()
    app.extensions["coop_database"].close()


def setup_path(database: Database) -> str:
    """The path of a new setup link."""
    with database.transaction() as session:
        return f"/setup/{setup.ensure_link(session, datetime.now(UTC))}"


def test_the_setup_form_founds_the_coop_and_signs_its_admin_in(fresh: FlaskClient, sqlite: Database) -> None:
    path = setup_path(sqlite)
    answer = post(fresh, path, path, **ANSWERS, voting_s="5", waiting_s="0")
    assert answer.status_code == 303, answer.text
    assert "Gul" in fresh.get("/").text
    assert fresh.get(path).status_code == 409
    with sqlite.reading() as session:
        _version, bylaws = cooperatives.current_bylaws(session, datetime.now(UTC))
    assert (bylaws.policy_ballot.voting_s, bylaws.policy_ballot.waiting_s) == (5, 0)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("password", "short", "Use at least 12 characters"),
        ("timezone", "Mars/Olympus", "Enter a time zone"),
        ("email", "gul", "Enter an e-mail address"),
        ("currency", "XXX", "Choose one of the listed answers"),
        ("voting_s", "-5", "Enter a number from 1"),
        ("coop_name", "", "Enter something here"),
    ],
)
def test_a_problem_stands_in_the_summary_and_beside_its_field(
    fresh: FlaskClient, sqlite: Database, field: str, value: str, words: str
) -> None:
    path = setup_path(sqlite)
    answer = post(fresh, path, path, **{**ANSWERS, field: value})
    assert answer.status_code == 422
    assert "<title>Error:" in answer.text
    assert f'href="#field-{field}"' in answer.text
    assert answer.text.count(words) == 2
    assert PASSWORD not in answer.text
    assert post(fresh, path, path, **ANSWERS).status_code == 303


def test_a_link_signs_in_once_and_opening_it_uses_nothing(portal: Portal) -> None:
    admin, bo = portal.browser(ADMIN), portal.app.test_client()
    page = f"/users/{portal.users['member']}"
    html = post(admin, page, f"{page}/sign-in-link").text
    path = "/sign-in/" + html.split("/sign-in/", 1)[1].split("<", 1)[0]
    assert bo.get(path).status_code == bo.get(path).status_code == 200
    assert post(bo, path, path).status_code == 303
    assert "Bo" in bo.get("/me").text
    assert portal.app.test_client().get(path).status_code == 410


def set_password(portal: Portal, persona: str) -> FlaskClient:
    """Give a persona a password through the account page."""
    client = portal.browser(persona)
    assert post(client, "/me", "/me/password", password=PASSWORD).status_code == 303
    return client


def test_a_password_signs_in_with_a_new_token_and_signing_out_ends_it(portal: Portal) -> None:
    set_password(portal, "member")
    client = portal.app.test_client()
    client.set_cookie("coop_session", "chosen-by-somebody-else")
    answer = post(client, "/sign-in", "/sign-in", email="Bo@example.org", password=PASSWORD, next="/me")
    assert answer.headers["Location"] == "/me"
    cookie = client.get_cookie("coop_session")
    assert cookie
    assert cookie.value != "chosen-by-somebody-else"
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    assert post(client, "/me", "/sign-out").status_code == 303
    client.set_cookie("coop_session", cookie.value)
    assert client.get("/me").headers["Location"].startswith("/sign-in")


def test_changing_the_password_ends_every_other_session(portal: Portal) -> None:
    first, second = set_password(portal, "member"), portal.browser("member")
    wrong = post(first, "/me", "/me/password", current="not the one", password="another four words")
    assert wrong.status_code == 422
    assert "current password is wrong" in wrong.text
    right = post(first, "/me", "/me/password", current=PASSWORD, password="another four words")
    assert right.status_code == 303
    assert first.get("/me").status_code == 200
    assert second.get("/me").status_code == 303


def test_guessing_is_slowed_and_the_victim_comes_in_from_elsewhere(portal: Portal) -> None:
    set_password(portal, "member")
    guesser, victim = portal.app.test_client(), portal.app.test_client()
    answers = [
        post(guesser, "/sign-in", "/sign-in", email="bo@example.org", password=f"guess {index}") for index in range(7)
    ]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert int(answers[-1].headers["Retry-After"]) <= 30
    victim.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert post(victim, "/sign-in", "/sign-in", email="bo@example.org", password=PASSWORD).status_code == 303


def test_unknown_addresses_and_wrong_passwords_read_the_same(portal: Portal) -> None:
    set_password(portal, "member")
    client = portal.app.test_client()
    texts = [
        post(client, "/sign-in", "/sign-in", email=email, password="guess").text.split("error-summary")[1][:400]
        for email in ("bo@example.org", "nobody@example.org")
    ]
    assert texts[0] == texts[1]


def test_an_admin_grants_and_ends_offices_and_disables(portal: Portal) -> None:
    admin, bo = portal.browser(ADMIN), portal.browser("member")
    page = f"/users/{portal.users['member']}"
    assert post(admin, page, f"{page}/offices", role="treasurer").status_code == 303
    refused = post(admin, page, f"{page}/offices", role="approver")
    assert refused.status_code == 409
    assert "may not hold these two offices together" in refused.text
    assert post(admin, page, f"{page}/offices", role="emperor").status_code == 422
    assert post(admin, page, f"{page}/offices/treasurer/end").status_code == 303
    assert post(admin, page, f"{page}/disable").status_code == 303
    assert bo.get("/me").status_code == 303
    assert "Disabled" in admin.get(page).text


def test_colours_are_remembered(portal: Portal) -> None:
    client = portal.browser("user")
    assert post(client, "/me", "/me/preferences", language="en", theme="dark").status_code == 303
    assert 'data-theme="dark"' in client.get("/").text
    assert post(client, "/me", "/me/preferences", language="xx", theme="dark").status_code == 422


def test_a_new_admin_is_told_which_offices_nobody_holds(fresh: FlaskClient, sqlite: Database) -> None:
    path = setup_path(sqlite)
    post(fresh, path, path, **ANSWERS)
    html = fresh.get("/").text
    assert "Offices without a holder" in html
    assert "treasurer" in html

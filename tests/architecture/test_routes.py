"""Every route has one explicit rule, and none lets another site's requests in (security.md P7, P8, P9)."""

import re

import pytest
from flask import Flask
from werkzeug.routing import Rule

from app import BODY_BYTES_MAX
from coop.core.actor import Role
from coop.web import access, nav
from coop.web.access import access_of
from tests.portal import FORM_TOKEN, PERSONAS, Portal

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def rules(app: Flask) -> list[tuple[Rule, str, str]]:
    """(rule, method, address) of every route, with arguments that name nothing."""
    found = []
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<int:[^>]+>", "987654", rule.rule)
        path = re.sub(r"<[^>]+>", "nothing", path)
        found += [(rule, method, path) for method in sorted(rule.methods or ()) if method not in ("HEAD", "OPTIONS")]
    return found


def may_try(portal: Portal, endpoint: str, persona: str) -> bool:
    """What the mark says, worked out here once more."""
    mark = access_of(portal.app, endpoint)
    if mark.kind == "public":
        return True
    if mark.kind == "signed_in":
        return persona != "stranger"
    if mark.kind == "member":
        return persona == "member"
    return persona in {role.value for role in mark.roles}


def test_every_view_wears_one_mark_and_a_second_one_is_refused(portal: Portal) -> None:
    for rule in portal.app.url_map.iter_rules():
        assert access_of(portal.app, rule.endpoint).kind in {"public", "signed_in", "member", "role"}

    def view() -> str:
        return ""

    access.public(view)
    with pytest.raises(AssertionError, match="two access marks"):
        access.signed_in(view)


def test_an_unmarked_view_stops_the_application(portal: Portal) -> None:
    other = Flask("other", static_folder=None)
    other.add_url_rule("/open", "open", lambda: "open")
    with pytest.raises(AssertionError, match="no access mark"):
        access.require_marks(other)


@pytest.mark.parametrize("persona", PERSONAS)
def test_who_may_try_a_route_is_what_its_mark_says(portal: Portal, persona: str) -> None:
    client = portal.browser(persona)
    token = FORM_TOKEN.search(client.get("/sign-in" if persona == "stranger" else "/me").text)
    assert token
    for rule, method, path in rules(portal.app):
        if rule.endpoint in {"sessions.end", "static"}:
            continue  # signing out would end the test's own session
        data = {"form_token": token[1], "request_key": f"{persona}-{path}"[:60]} if method in UNSAFE else None
        answer = client.open(path, method=method, data=data)
        said = f"{persona} {method} {path}: {answer.status_code}"
        assert answer.status_code != 500, f"{said}\n{answer.text[:3000]}"
        if may_try(portal, rule.endpoint, persona):
            assert answer.status_code != 401, said
            assert not answer.headers.get("Location", "").startswith("/sign-in?next"), said
            assert "access.role_needed" not in answer.text or method != "GET", said
        elif persona == "stranger" and method == "GET":
            assert answer.headers["Location"].startswith("/sign-in?next="), said
        else:
            assert answer.status_code in (401, 403), said


def test_requests_of_other_sites_change_nothing(portal: Portal) -> None:
    client = portal.browser("member")
    token = FORM_TOKEN.search(client.get("/me").text)
    assert token
    foreign = ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"},
               {"Origin": "null"}, {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"})  # fmt: skip
    tried = 0
    for _rule, method, path in rules(portal.app):
        if method not in UNSAFE:
            continue
        for headers in foreign:
            answer = client.open(path, method=method, headers=headers, data={"form_token": token[1]})
            assert answer.status_code == 403, f"{method} {path} {headers}"
            tried += 1
    assert tried > 20


def test_forms_without_their_token_change_nothing(portal: Portal) -> None:
    client = portal.browser(Role.ADMIN.value)
    for _rule, method, path in rules(portal.app):
        if method in UNSAFE:
            assert client.open(path, method=method, data={"form_token": "guessed"}).status_code == 403, path
            assert client.open(path, method=method, json={}).status_code == 403, f"{path}: JSON with a session"


def test_every_answer_carries_a_strict_policy(portal: Portal) -> None:
    client = portal.browser("stranger")
    answers = [client.open(path, method=method) for _rule, method, path in rules(portal.app)]
    answers += [client.get("/no-such-page"), client.post("/livez")]
    answers.append(client.get("/static/base.css", buffered=True))
    answers.append(client.post("/sign-in", data={"x": "y" * (BODY_BYTES_MAX + 1)}))
    nonces = set()
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'; script-src 'nonce-")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        nonces.add(policy)
    assert len(nonces) == len(answers), "a nonce was used twice"


def test_get_pages_hold_nothing_inline(portal: Portal) -> None:
    inline = re.compile(
        r"<[^>]+\s(on[a-z]+|style|hx-on[^=]*)\s*=|<style|javascript:|<script(?![^>]*nonce=)", re.IGNORECASE
    )
    for persona in PERSONAS:
        client = portal.browser(persona)
        for _rule, method, path in rules(portal.app):
            if method == "GET" and "static" not in path:
                found = inline.search(client.get(path).text)
                assert found is None, f"{persona} {path}: {found}"


def test_links_of_the_menu_lead_to_pages_their_reader_may_open(portal: Portal) -> None:
    for persona in PERSONAS:
        client = portal.browser(persona)
        with portal.app.test_request_context("/"):
            html = client.get("/").text
        for link in {link for _label, links in nav.SECTIONS for link in links}:
            if f'href="{link.path}"' in html:
                assert client.get(link.path).status_code == 200, f"{persona} {link.path}"

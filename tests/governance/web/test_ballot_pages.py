"""Propose, check, vote and read the result through the pages, as a member does."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from coop.core.policy.bundle import verify
from coop.core.signing import SigningKey, canonical, digest
from coop.services import policies
from governance.services import ballots, enactments
from tests.portal import FORM_TOKEN, REQUEST_KEY, Portal, post

HOURS = {
    "section": "hours",
    "title": "Should our machines rest in the evening?",
    "reason": "Power is dear then.",
    "kind": "hours",
    "timezone": "Europe/Berlin",
    "days_1": "0,1,2,3,4,5,6",
    "from_1": "21:00",
    "until_1": "17:00",
}


def confirm(client: FlaskClient, page: str, action: str) -> str:
    """Send the form of a check page as it is; return where it leads."""
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page))
    assert {"form_token", "request_key"} <= fields.keys()
    answer = client.post(action, data=fields)
    assert answer.status_code == 303, answer.text[:3000]
    again = client.post(action, data=fields)
    assert again.headers["Location"] == answer.headers["Location"]
    return answer.headers["Location"]


def propose(client: FlaskClient, **fields: str) -> str:
    section = fields["section"]
    page = post(client, f"/proposals/new?section={section}", "/proposals/check", **fields)
    assert page.status_code == 200, page.text[:3000]
    return confirm(client, page.text, "/proposals")


def decide(portal: Portal, *, waited: timedelta = timedelta(days=20)) -> None:
    with portal.database.transaction() as session:
        (closed,) = ballots.close_due(session, datetime.now(UTC) + timedelta(days=8))
        assert closed.closed_at
        enactments.enact_due(session, closed.closed_at + waited)


def test_a_member_proposes_votes_and_finds_the_vote_counted(portal: Portal) -> None:
    bo = portal.browser("member")
    assert propose(bo, **HOURS) == "/proposals/1?done=proposed"
    assert "Should our machines rest" in bo.get("/").text
    page = bo.get("/proposals/1?done=proposed").text
    for text in ("The ballot is open.", "Every day from 21:00 to 17:00", "Closes ", "0 of 1 have voted"):
        assert text in page
    check = post(bo, "/proposals/1", "/proposals/1/vote/check", choice="yes")
    assert "Send my vote" in check.text
    assert confirm(bo, check.text, "/proposals/1/vote") == "/proposals/1/receipt?done=voted"
    receipt = bo.get("/proposals/1/receipt", headers={"Accept": "application/json"}).json
    assert receipt
    assert receipt["choice"] == "yes"
    assert receipt["code"] in bo.get("/proposals/1/receipt").text
    assert "Read and vote" not in bo.get("/").text
    assert "1 of 1 have voted" in bo.get("/proposals/1").text
    assert "Voted" in bo.get("/proposals/1/electorate").text
    decide(portal)
    page = bo.get("/proposals/1").text
    for text in ("Passed", "1 ÷ 1 = 100 %", receipt["code"], "Download the result"):
        assert text in page
    shown = bo.get("/proposals/1", headers={"Accept": "application/json"}).json
    assert shown
    assert (shown["state"], shown["verdict"]["code"]) == ("enacted", "verdict.passed")
    result = portal.browser("stranger").get("/proposals/1/result.json").json
    assert digest(result) == shown["result_digest"]
    assert "In force" in bo.get("/proposals").text


def test_the_policys_pages_are_open_and_its_bundle_verifies(portal: Portal) -> None:
    bo = portal.browser("member")
    propose(bo, section="price", title="Dearer", default="0.03", floor="0.001", ceiling="1", discount="10")
    assert "€0.03" in bo.get("/proposals/1").text
    page = post(bo, "/proposals/1", "/proposals/1/vote/check", choice="yes")
    confirm(bo, page.text, "/proposals/1/vote")
    decide(portal)
    stranger, key, now = portal.browser("stranger"), SigningKey.generate(), datetime.now(UTC) + timedelta(days=40)
    assert stranger.get("/policies/1/2/bundle.json").status_code == 404
    with portal.database.transaction() as session:
        policies.build_bundle(session, 1, 2, key, "valley", now)
    answer = stranger.get("/policies/1/2/bundle.json")
    policy = verify(answer.get_data(), [key.key_id], now=now)
    assert (policy.document.price.default_micro, policy.ballot_number) == (30_000, 1)
    assert canonical(answer.json)
    page = stranger.get("/policies/1/2")
    for text in ("A million tokens cost", "€0.03", "Members pay 10 % less", policy.policy_digest):
        assert text in page.text
    assert "Founding policy" in stranger.get("/policies").text
    listed = stranger.get("/policies", headers={"Accept": "application/json"}).json
    assert listed
    assert [row["version"] for row in listed["history"]] == [2, 1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": ""}, "Enter something here."),
        ({"from_1": "25:00"}, "Enter a time such as 17:30."),
        ({"days_1": ""}, "Fill in days, beginning and end"),
        ({"days_1": "", "from_1": "", "until_1": ""}, "Enter at least one window"),
        ({"timezone": "Mars/Base"}, "Enter a time zone such as Europe/Berlin."),
        ({"until_1": "21:00"}, "The end must differ from the beginning."),
        ({"kind": "always"}, "This is how it is already."),
        ({"kind": "never"}, "Choose one of the listed answers."),
    ],
)
def test_a_problem_in_the_form_is_said_and_nothing_opens(portal: Portal, change: dict[str, str], words: str) -> None:
    bo = portal.browser("member")
    answer = post(bo, "/proposals/new?section=hours", "/proposals/check", **{**HOURS, **change})
    assert answer.status_code == 422
    assert words in answer.text
    assert "There is a problem" in answer.text
    assert "No ballot is open." in bo.get("/proposals").text


def test_prices_out_of_order_are_refused(portal: Portal) -> None:
    fields = {"section": "price", "title": "Odd", "default": "2", "floor": "0.001", "ceiling": "1", "discount": "0"}
    answer = post(portal.browser("member"), "/proposals/new?section=price", "/proposals/check", **fields)
    assert answer.status_code == 422
    assert "between the lowest and the highest" in answer.text


def test_only_who_is_on_the_roll_may_vote_and_only_once_per_form(portal: Portal) -> None:
    bo = portal.browser("member")
    propose(bo, **HOURS)
    officer = portal.browser("admin")
    assert "Only members vote" in officer.get("/proposals/1").text
    page = bo.get("/proposals/1").text
    token, key = FORM_TOKEN.search(page), REQUEST_KEY.search(page)
    assert token
    assert key
    data = {"form_token": token[1], "request_key": key[1], "choice": "yes"}
    assert bo.post("/proposals/1/vote", data=data).status_code == 303
    assert bo.post("/proposals/1/vote", data={**data, "choice": "no"}).status_code == 422
    assert bo.post("/proposals/1/vote", data={**data, "choice": "maybe", "request_key": "other"}).status_code == 422
    assert bo.get("/proposals/99").status_code == 404
    decide(portal)
    assert bo.post("/proposals/1/vote", data={**data, "request_key": "third"}).status_code == 409

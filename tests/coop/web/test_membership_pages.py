"""The pages of joining, shares, credit and the books, as people use them without JavaScript."""

import re

import pytest
from sqlmodel import select

from coop.models.members import Application
from coop.services import ledger, members
from tests.portal import FORM_TOKEN, REQUEST_KEY, Portal, post

REFERENCE = re.compile(r'id="reference">([ASC]-[0-9A-Z]{4}-[0-9A-Z]{4})<')
CY = {
    "name": "Cy Novak",
    "email": "cy.novak@example.org",
    "address": "",
    "reason": "<script>x</script>",
    "shares": "1.5",
}


def apply(portal: Portal, **changed: str) -> str:
    """Apply as a stranger and return the application's id."""
    answer = post(portal.browser("stranger"), "/apply", "/apply", **{**CY, **changed})
    assert answer.status_code == 303, answer.text[-2000:]
    with portal.database.reading() as session:
        email = changed.get("email", CY["email"])
        return session.exec(select(Application).where(Application.email == email)).one().id


def confirm(portal: Portal, reference: str, amount: str) -> str:
    """Match a payment as the treasurer: form, check page, booking. Returns the page of the entry."""
    ada = portal.browser("treasurer")
    checked = post(ada, "/ledger/payments", "/ledger/payments/check", reference=reference, amount=amount)
    assert checked.status_code == 303, checked.text[-2000:]
    done = post(ada, checked.location, "/ledger/payments/confirm", reference=reference, amount=amount)
    assert done.status_code == 303, done.text[-2000:]
    return ada.get(done.location).text


def test_a_stranger_becomes_a_member_through_the_pages(portal: Portal) -> None:
    application_id = apply(portal)
    admin = portal.browser("admin")
    page = admin.get(f"/applications/{application_id}").text
    assert "<script>x" not in page
    path = f"/applications/{application_id}"
    assert post(admin, path, f"{path}/approve").status_code == 303
    with portal.database.reading() as session:
        portal.users["cy"] = session.get_one(Application, application_id).user_id
    cy = portal.browser("cy")
    own = cy.get("/applications/mine").text
    found = REFERENCE.search(own)
    assert found
    assert "€375.00" in own
    assert "become a member" in cy.get("/").text
    assert found[1] in portal.browser("treasurer").get("/ledger/payments").text
    assert "The payment is booked" in confirm(portal, found[1], "375.00")
    assert "1.5" in cy.get("/shares").text
    assert "Cy Novak" in cy.get("/members").text
    assert cy.get("/members", headers={"Accept": "application/json"}).json[-1]["number"] == 902


def test_a_known_address_is_told_no_more_than_needed(portal: Portal) -> None:
    apply(portal)
    answer = post(portal.browser("stranger"), "/apply", "/apply", **CY)
    assert answer.status_code == 409
    assert "Sign in to see it" in answer.text
    assert "member already" not in answer.text


@pytest.mark.parametrize("shares", ["-1", "0", "1e30", "1.1234567", "", "0.5"])
def test_a_quantity_that_cannot_be_is_explained_beside_its_field(portal: Portal, shares: str) -> None:
    answer = post(portal.browser("stranger"), "/apply", "/apply", **{**CY, "shares": shares})
    assert answer.status_code == 422
    assert 'href="#field-shares"' in answer.text
    assert 'value="Cy Novak"' in answer.text


def test_the_same_application_sent_twice_is_one(portal: Portal) -> None:
    browser = portal.browser("stranger")
    html = browser.get("/apply").text
    token, key = FORM_TOKEN.search(html), REQUEST_KEY.search(html)
    assert token
    assert key
    data = {**CY, "form_token": token[1], "request_key": key[1]}
    first, second = browser.post("/apply", data=data), browser.post("/apply", data=data)
    assert first.location == second.location
    assert browser.post("/apply", data={**data, "name": "Other"}).status_code == 422


def test_a_member_buys_further_shares_and_credit(portal: Portal) -> None:
    bo = portal.browser("member")
    for page, action, field, value, amount in (
        ("/shares/new", "/shares", "shares", "0.123457", "30.86"),
        ("/credits/new", "/credits", "amount", "20", "20.00"),
    ):
        ordered = post(bo, page, action, **{field: value})
        assert ordered.status_code == 303, ordered.text[-2000:]
        found = REFERENCE.search(bo.get(ordered.location).text)
        assert found
        confirm(portal, found[1], amount)
    assert "0.123457" in bo.get("/shares").text
    assert "€20.00" in bo.get("/credits").text
    assert bo.get("/credits", headers={"Accept": "application/json"}).json["available_nano"] == "20000000000"
    assert "Your part of the field" in bo.get("/").text
    with portal.database.reading() as session:
        assert ledger.verify(session) == []


@pytest.mark.parametrize(
    ("page", "action", "field"), [("/shares/new", "/shares", "shares"), ("/credits/new", "/credits", "amount")]
)
@pytest.mark.parametrize("typed", ["-1", "0", "1e30", "1.12345678", "x"])
def test_an_order_that_cannot_be_is_explained(portal: Portal, page: str, action: str, field: str, typed: str) -> None:
    answer = post(portal.browser("member"), page, action, **{field: typed})
    assert answer.status_code == 422
    assert f'href="#field-{field}"' in answer.text


def test_an_order_is_cancelled_by_its_member_and_hidden_from_others(portal: Portal) -> None:
    bo = portal.browser("member")
    location = post(bo, "/shares/new", "/shares", shares="1").location.split("?")[0]
    assert portal.browser("user").get(location).status_code == 403
    assert post(bo, location, f"{location}/cancel").status_code == 303
    assert "Cancelled" in bo.get(location).text
    assert post(bo, "/shares/new", f"{location}/cancel").status_code == 409


def test_a_wrong_amount_names_what_was_expected(portal: Portal) -> None:
    bo, ada = portal.browser("member"), portal.browser("treasurer")
    page = bo.get(post(bo, "/credits/new", "/credits", amount="20").location).text
    found = REFERENCE.search(page)
    assert found
    answer = post(ada, "/ledger/payments", "/ledger/payments/check", reference=found[1], amount="19.99")
    assert answer.status_code == 409
    assert "expected 20.00 EUR" in answer.text
    assert "19.99 EUR" in answer.text
    unknown = post(ada, "/ledger/payments", "/ledger/payments/check", reference="C-0000-0000", amount="1")
    assert unknown.status_code == 404
    assert 'href="#field-reference"' in unknown.text


def test_the_books_can_be_read_and_downloaded(portal: Portal) -> None:
    bo = portal.browser("member")
    found = REFERENCE.search(bo.get(post(bo, "/credits/new", "/credits", amount="20").location).text)
    assert found
    confirm(portal, found[1], "20")
    auditor = portal.browser("auditor")
    assert "Balanced" in auditor.get("/ledger").text
    assert "Balanced" in auditor.get("/ledger?on=2020-01-01").text
    assert "There is a problem" in auditor.get("/ledger?on=rubbish").text
    assert found[1] in auditor.get("/ledger/entries?page=99").text
    download = auditor.get("/ledger/export.csv")
    assert download.mimetype == "text/csv"
    assert download.text.count("member_credit") == 1
    for path in ("/ledger", "/ledger/entries", "/ledger/export.csv", "/ledger/payments"):
        assert bo.get(path).status_code == 403


def test_the_register_shows_addresses_to_the_desk_only(portal: Portal) -> None:
    assert "bo@example.org" not in portal.browser("approver").get("/members").text
    assert "bo@example.org" in portal.browser("admin").get("/members").text
    assert "bo@example.org" in portal.browser("member").get("/members/901").text
    assert "bo@example.org" not in portal.browser("approver").get("/members/901").text
    assert portal.browser("user").get("/members").status_code == 403
    assert portal.browser("admin").get("/members/4711").status_code == 404
    with portal.database.reading() as session:
        assert members.by_number(session, 901).name == "Bo"

"""Pages of machines, keys and usage, and the API by which machines join, as people and agents use them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from coop.core.clock import utc_now
from coop.core.db import Database
from coop.models.members import Member
from orchestrator.models.nodes import Node
from orchestrator.rules import proofs, roots
from orchestrator.rules.identity import Identity, new_seed
from orchestrator.services import nodes
from tests.portal import Portal, found, post

TRUSTED = {"coop": "0a1b2c3d", "policy_keys": ["k"], "log_keys": ["l"]}


@pytest.fixture
def portal(sqlite: Database, tmp_path: Path) -> Portal:
    made = found(sqlite, tmp_path)
    nats = tmp_path / "nats"
    nats.mkdir(exist_ok=True)
    (nats / "roots.json").write_text(json.dumps(TRUSTED))
    (nats / "port").write_text("4222")
    return made


def make_code(portal: Portal, name: str = "barn-1") -> str:
    with portal.database.reading() as session:
        owner = session.exec(select(Member.id).where(Member.number == 901)).one()
    answer = post(portal.browser("sysadmin"), "/nodes/new", "/nodes", node_name=name, owner_id=owner)
    assert answer.status_code == 201, answer.text
    shown = re.search(r"coop node enrol ([A-Z0-9-]+\.[0-9a-f]{16})", answer.text)
    assert shown
    return shown[1]


def enrol(portal: Portal, code: str, key: Identity) -> Any:
    body = {"code": code.partition(".")[0], "public_key": key.public_key, "inventory": {"cpu_count": 4}}
    return portal.browser("stranger").post("/api/enrolments", json=body)


def test_machine_joins_over_http_and_gets_its_credential_once_let_in(portal: Portal) -> None:
    code, key = make_code(portal), Identity(new_seed())
    stranger = portal.browser("stranger")
    told = stranger.get("/api/enrolments").json
    assert told is not None
    assert code.endswith("." + roots.fingerprint(told["trust_roots"]))
    answer = enrol(portal, code, key)
    assert (answer.status_code, answer.json["state"], answer.json["node"]) == (201, "waiting", "barn-1")
    assert enrol(portal, code, Identity(new_seed())).status_code == 410

    def state(signer: Identity) -> Any:
        headers = {"Authorization": proofs.header(signer, utc_now())}
        return stranger.get(f"/api/enrolments/{key.public_key}", headers=headers)

    assert state(key).json["credential"] is None
    assert state(Identity(new_seed())).status_code == 403
    assert stranger.get(f"/api/enrolments/{key.public_key}").status_code == 403
    browser = portal.browser("sysadmin")
    assert "Machines that wait to be let in" in browser.get("/").text
    with portal.database.reading() as session:
        node = session.exec(select(Node)).one()
    page = f"/nodes/{node.id}"
    assert "Let it in" in browser.get(page).text
    assert "Let it in" not in portal.browser("member").get(page).text
    assert post(browser, page, f"{page}/approve").status_code == 303
    assert post(browser, page, f"{page}/drain").status_code == 303
    assert post(browser, page, f"{page}/drain").status_code == 409
    assert post(browser, page, f"{page}/resume").status_code == 303
    with portal.database.transaction() as session:
        nodes.store_credential(session, node_id=node.id, credential="jwt")
    assert state(key).json["credential"] == "jwt"
    assert post(browser, page, f"{page}/revoke").status_code == 303
    assert state(key).json == {"node": "barn-1", "state": "revoked", "credential": None}


@pytest.mark.parametrize("body", ["text", [], {}, {"code": 1, "public_key": "U", "inventory": {}}, {"code": "x" * 999}])
def test_broken_enrolments_are_refused_as_json(portal: Portal, body: object) -> None:
    answer = portal.browser("stranger").post("/api/enrolments", json=body)
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["message"]


def test_only_the_sysadmin_makes_codes_and_decides(portal: Portal) -> None:
    for persona in ("member", "treasurer", "admin"):
        browser = portal.browser(persona)
        assert browser.get("/nodes/new").status_code == 403
        assert browser.get("/nodes").status_code == 200
    assert portal.browser("stranger").get("/nodes").status_code == 303


def test_bad_name_is_said_beside_its_field(portal: Portal) -> None:
    with portal.database.reading() as session:
        owner = session.exec(select(Member.id).where(Member.number == 901)).one()
    answer = post(portal.browser("sysadmin"), "/nodes/new", "/nodes", node_name="Barn 1", owner_id=owner)
    assert answer.status_code == 422
    assert 'href="#field-node_name"' in answer.text
    assert "<title>Error:" in answer.text


def test_key_is_shown_once_with_the_real_address_and_can_be_revoked(portal: Portal) -> None:
    browser = portal.browser("member")
    answer = post(browser, "/keys/new", "/keys", name="notebook <b>")
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"].startswith("no-store") or "private" in answer.headers["Cache-Control"]
    secret = re.search(r"alm_[A-Za-z0-9_-]{43}", answer.text)
    assert secret
    assert "http://localhost:8081/v1" in answer.text
    listed = browser.get("/keys").text
    assert secret[0] not in listed
    assert "notebook &lt;b&gt;" in listed
    action = re.search(r'action="(/keys/[0-9a-f]{32}/revoke)"', listed)
    assert action
    assert post(browser, "/keys", action[1]).status_code == 303
    assert "Revoked" in browser.get("/keys").text
    assert post(browser, "/keys/new", "/keys", name="").status_code == 422
    assert post(browser, "/keys/new", "/keys", name="x", expires_on="2001-01-01").status_code == 422


def test_usage_is_empty_at_first_and_strangers_receipts_are_not_found(portal: Portal) -> None:
    browser = portal.browser("member")
    assert "You have not used the grid yet" in browser.get("/usage").text
    assert browser.get("/usage/" + "0" * 32).status_code == 404
    found_json = browser.get("/usage", headers={"Accept": "application/json"}).json
    assert found_json == {"count": 0, "tokens": 0, "cost_nano": "0", "receipts": []}

"""Rules of the grid: signatures, receipts, placement, inventories, proofs, roots."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coop.core.errors import Forbidden, Invalid, Tampered
from orchestrator.agent.runtimes import embed
from orchestrator.messages import FleetNode
from orchestrator.rules import credentials, identity, inventory, placement, proofs, receipts, roots
from orchestrator.rules.identity import Identity, new_seed

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@cache
def model() -> Any:
    return embed.load()


TEXTS = ["", " ", "  a  b ", "\x00",
         "\u200b\u200d", "ﷺ" * 9, "ﬁ" * 9, "👩‍👩‍👧‍👧", "\u0300" * 30, "[PAD]<s></s>", "\r\n\t",
         "İ" * 5, "\ud7ff\ue000", "\U0010ffff", "a" * 5_000, "ก็" * 20, "①²㎏" * 9]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_reservation_is_never_below_the_real_count(text: str) -> None:
    assert sum(embed.count_tokens(model(), [text])) <= receipts.tokens_at_most([text])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=8))
def test_reservation_is_never_below_the_real_count_of_any_texts(texts: list[str]) -> None:
    assert sum(embed.count_tokens(model(), texts)) <= receipts.tokens_at_most(texts)


def test_vectors_do_not_depend_on_what_else_is_in_the_batch() -> None:
    texts = ["short", "a much longer text about the valley and its sun", "", "short"]
    together = embed.embed(model(), texts)
    alone = [embed.embed(model(), [text])["vectors"][0] for text in texts]
    assert together["vectors"] == alone
    assert together["vectors"][0] == together["vectors"][3]
    assert together["tokens"] == sum(embed.count_tokens(model(), texts))


def test_signature_holds_for_its_key_and_bytes_only() -> None:
    key, other = Identity(new_seed()), Identity(new_seed())
    signature = key.sign(b"data")
    identity.verify(key.public_key, b"data", signature)
    for public_key, data, text in (
        (other.public_key, b"data", signature),
        (key.public_key, b"datA", signature),
        (key.public_key, b"data", signature[:-2]),
        (key.public_key, b"data", "é"),
        ("nonsense", b"data", signature),
    ):
        with pytest.raises(Tampered):
            identity.verify(public_key, data, text)


def test_proof_is_good_for_five_minutes_and_one_key() -> None:
    key, other = Identity(new_seed()), Identity(new_seed())
    header = proofs.header(key, NOW)
    proofs.check(key.public_key, header, NOW + proofs.SKEW)
    for public_key, value, now in (
        (other.public_key, header, NOW),
        (key.public_key, header, NOW + proofs.SKEW + timedelta(seconds=1)),
        (key.public_key, "", NOW),
        (key.public_key, header.replace("Nkey", "Bearer"), NOW),
        (key.public_key, "Nkey yesterday x", NOW),
    ):
        with pytest.raises(Forbidden):
            proofs.check(public_key, value, now)


def node(name: str, models: list[str], *, is_accepting: bool = True) -> FleetNode:
    return FleetNode(
        id=name, name=name, public_key="U", models=models, epoch=1, policy_version=1, is_accepting=is_accepting
    )


def test_least_busy_node_that_serves_and_accepts_comes_first() -> None:
    nodes = [
        node("c", ["m"]),
        node("a", ["m"]),
        node("b", ["m"]),
        node("d", ["x"]),
        node("e", ["m"], is_accepting=False),
    ]
    assert [found.name for found in placement.choose(nodes, "m", {"a": 2, "b": 1})] == ["c", "b", "a"]
    assert placement.choose(nodes, "nobody", {}) == []
    assert placement.list_models(nodes) == ["m", "x"]


def test_inventory_keeps_what_is_known_and_refuses_what_is_absurd() -> None:
    known = inventory.read({"cpu_count": 4, "memory_bytes": 1, "gpus": [{"name": "L4", "memory_bytes": 2}], "new": 1})
    assert "new" not in known
    for bad in (
        {"cpu_count": 0},
        {"cpu_count": 1, "gpus": [{"name": "x" * 200, "memory_bytes": 1}]},
        {"gpus": [{}] * 99},
    ):
        with pytest.raises(Invalid):
            inventory.read(bad)


def test_roots_are_told_apart_by_their_fingerprint() -> None:
    document = {"coop": "0a1b2c3d", "policy_keys": ["k"], "log_keys": ["l"]}
    assert roots.read(document).policy_keys == ["k"]
    assert roots.fingerprint(document) != roots.fingerprint({**document, "policy_keys": ["other"]})
    for bad in ({}, {"coop": "x", "policy_keys": ["k"]}, {"coop": "0a1b2c3d", "policy_keys": []}, None):
        with pytest.raises(Tampered):
            roots.read(bad)


def test_credential_file_that_is_none_is_refused() -> None:
    for text in ("", "-----BEGIN NATS USER JWT-----"):
        with pytest.raises(Tampered):
            credentials.token_of(text)
        with pytest.raises(Tampered):
            credentials.seed_of(text)
    with pytest.raises(Tampered):
        credentials.expires_at("a.b.c")

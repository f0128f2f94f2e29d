"""A bundle is obeyed only whole, known, signed by us, and not older than what is obeyed (security.md P17)."""

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coop.core.errors import Conflict, Tampered, TooLarge
from coop.core.policy.bundle import BUNDLE_BYTES_MAX, ProposalName, build, decode, sign, verify
from coop.core.policy.evaluate import compile_policy
from coop.core.policy.schema import FOUNDING_POLICY, Hours, PolicyDocument, Window
from coop.core.signing import SigningKey, canonical, digest

KEY, STRANGER = SigningKey.generate(), SigningKey.generate()
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
NAME = ProposalName(id="0" * 32, number=7, result_digest="a" * 64)


def made(version: int = 3, *, key: SigningKey = KEY, **other: Any) -> dict[str, Any]:
    """A signed bundle; `other` replaces fields before the signature."""
    unsigned = build(
        FOUNDING_POLICY,
        coop="valley",
        epoch=1,
        version=version,
        valid_from=NOW - timedelta(hours=1),
        expires_at=NOW + timedelta(days=1),
        proposal=NAME,
    )
    return sign({**unsigned, **other}, key)


def check(bundle: dict[str, Any] | bytes, **options: Any) -> Any:
    return verify(bundle, [KEY.key_id], now=options.pop("now", NOW), coop="valley", **options)


def test_a_good_bundle_gives_its_policy_as_object_and_as_bytes() -> None:
    bundle = made()
    policy = check(bundle, at_least=(1, 3), known_digest=bundle["policy_digest"])
    assert (policy.place, policy.ballot_number, policy.document) == ((1, 3), 7, FOUNDING_POLICY)
    assert check(json.dumps(bundle, indent=3).encode()) == policy


@pytest.mark.parametrize("field", sorted(made()))
def test_a_stripped_field_is_refused(field: str) -> None:
    bundle = made()
    del bundle[field]
    with pytest.raises(Tampered):
        check(bundle)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for key in value for leaf in leaves(value[key], (*path, key))]
    return [path]


@pytest.mark.parametrize("path", leaves(made()), ids=".".join)
def test_every_flipped_value_is_refused(path: tuple[Any, ...]) -> None:
    bundle = made()
    holder = bundle
    for key in path[:-1]:
        holder = holder[key]
    old = holder[path[-1]]
    holder[path[-1]] = old + 1 if isinstance(old, int) else ("1" if old[0] != "1" else "2") + old[1:]
    with pytest.raises(Tampered):
        check(bundle)


@given(st.data())
def test_any_truncation_and_any_flipped_bit_is_refused(data: st.DataObject) -> None:
    whole = canonical(made())
    with pytest.raises(Tampered):
        check(whole[: data.draw(st.integers(0, len(whole) - 1))])
    flipped = bytearray(whole)
    flipped[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    # base64 has spare bits at the end of a key or signature: same bytes, same policy.
    try:
        policy = check(bytes(flipped))
    except Tampered:
        return
    assert policy.policy_digest == digest(FOUNDING_POLICY.to_json())


def test_a_strangers_signature_is_refused_whatever_key_it_names() -> None:
    with pytest.raises(Tampered):
        check(made(key=STRANGER))
    forged = made(key=STRANGER)
    forged["key_id"] = KEY.key_id
    with pytest.raises(Tampered):
        check(forged)


@pytest.mark.parametrize(
    "other",
    [
        {"extra": 1},
        {"schema": "allmende.bundle/2"},
        {"coop": "hill"},
        {"policy_digest": "b" * 64},
        {"epoch": "1"},
        {"epoch": True},
        {"policy_version": 0},
        {"policy_version": 3.5},
        {"expires_at": "tomorrow"},
        {"expires_at": "2026-07-01T00:00:00"},
        {"valid_from": "2027-06-01T00:00:00Z"},
        {"proposal": {"id": "0" * 32, "number": 7}},
        {"policy": {**FOUNDING_POLICY.to_json(), "quota": {}}},
        {"policy": {"schema": "allmende.policy/1"}},
        {"policy": None},
    ],
    ids=str,
)
def test_what_is_unknown_or_malformed_is_refused_even_with_our_signature(other: dict[str, Any]) -> None:
    if "policy" in other:
        other = {**other, "policy_digest": digest(other["policy"])}
    with pytest.raises(Tampered):
        check(made(**other))


def test_an_older_one_is_refused_and_the_same_place_must_have_the_same_policy() -> None:
    with pytest.raises(Conflict) as older:
        check(made(2), at_least=(1, 3))
    assert older.value.code == "policy.older"
    with pytest.raises(Conflict):
        check(made(9), at_least=(2, 1))
    with pytest.raises(Tampered) as twice:
        check(made(3), at_least=(1, 3), known_digest="c" * 64)
    assert twice.value.code == "policy.two_of_one_version"


def test_it_is_obeyed_from_its_beginning_until_just_before_its_expiry() -> None:
    bundle = made()
    check(bundle, now=NOW + timedelta(days=1) - timedelta(microseconds=1))
    with pytest.raises(Conflict) as expired:
        check(bundle, now=NOW + timedelta(days=1))
    assert expired.value.code == "policy.expired"
    with pytest.raises(Conflict) as early:
        check(bundle, now=NOW - timedelta(hours=2))
    assert early.value.code == "policy.not_yet_valid"


def test_what_is_huge_deep_or_says_a_name_twice_is_refused() -> None:
    with pytest.raises(Tampered):
        check(b" " * (BUNDLE_BYTES_MAX + 1))
    with pytest.raises(Tampered):
        check(b"[" * BUNDLE_BYTES_MAX)
    with pytest.raises(Tampered):
        check(b'{"policy":' * 5_000)
    with pytest.raises(Tampered):
        decode(b'{"epoch":1,"epoch":2}')
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"policy": deep}
    with pytest.raises(Tampered):
        check(deep)
    with pytest.raises(Tampered):
        check({**made(), "policy": {"schema": float("nan")}})
    with pytest.raises(TooLarge):
        made(coop="x" * BUNDLE_BYTES_MAX)


def test_a_refusal_names_clause_policy_and_ballot() -> None:
    window = Window(days=[0], from_minute=0, until_minute=1)
    document = PolicyDocument(hours=Hours(timezone="UTC", open=[window]), price=FOUNDING_POLICY.price)
    bundle = made(policy=document.to_json(), policy_digest=digest(document.to_json()))
    policy = check(copy.deepcopy(bundle))
    refused = compile_policy(policy.document).refuse("m", 20_000, NOW, True)
    assert refused is not None
    error = policy.refusal(refused)
    assert error.code == "policy.refused_hours"
    named = {"clause": "hours.open", "epoch": 1, "version": 3, "ballot": 7, "proposal": "0" * 32}
    assert named.items() <= error.values.items()

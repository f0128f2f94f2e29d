"""Users, offices and sign-in links: who may hand out what, once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from coop.core.actor import INCOMPATIBLE_ROLES, Actor, Role, system
from coop.core.db import Database
from coop.core.errors import Conflict, Forbidden, Gone, Invalid, NotFound, NotSignedIn
from coop.services import actors, offices, signin_links, users

SETUP = system("setup")


def add(database: Database, name: str, *roles: Role, now: datetime) -> Actor:
    """A user with offices, as an actor."""
    with database.transaction() as session:
        user = users.create(session, email=f"{name}@example.org", name=name, now=now)
        for role in roles:
            offices.grant(session, user_id=user.id, role=role, actor=SETUP, now=now)
        return actors.actor_for_user(session, user.id)


def id_of(actor: Actor) -> str:
    """The user behind an actor."""
    assert actor.user_id
    return actor.user_id


def test_an_address_has_one_user_however_it_is_written(database: Database, now: datetime) -> None:
    add(database, "bo", now=now)
    with pytest.raises(Conflict, match=r"user\.email_taken"), database.transaction() as session:
        users.create(session, email=" BO@example.org ", name="Bo again", now=now)


@pytest.mark.parametrize("pair", sorted(INCOMPATIBLE_ROLES, key=sorted))
def test_offices_that_check_each_other_never_meet(sqlite: Database, now: datetime, pair: frozenset[Role]) -> None:
    first, second = sorted(pair)
    person = add(sqlite, "bo", first, now=now)
    with pytest.raises(Conflict, match=r"office\.incompatible"), sqlite.transaction() as session:
        offices.grant(session, user_id=id_of(person), role=second, actor=SETUP, now=now)


def test_only_an_admin_hands_out_offices_and_links(sqlite: Database, now: datetime) -> None:
    bo = add(sqlite, "bo", now=now)
    for role in (Role.TREASURER, Role.SYSADMIN, Role.APPROVER, Role.AUDITOR):
        other = add(sqlite, role.value, role, now=now)
        with pytest.raises(Forbidden), sqlite.transaction() as session:
            offices.grant(session, user_id=id_of(bo), role=Role.SYSADMIN, actor=other, now=now)
        with pytest.raises(Forbidden), sqlite.transaction() as session:
            offices.end(session, user_id=id_of(bo), role=Role.SYSADMIN, actor=other, now=now)
        with pytest.raises(Forbidden), sqlite.transaction() as session:
            signin_links.create(session, user_id=id_of(bo), actor=other, now=now)
        with pytest.raises(Forbidden), sqlite.transaction() as session:
            users.disable(session, user_id=id_of(bo), actor=other, now=now)


def test_the_last_admin_stays(sqlite: Database, now: datetime) -> None:
    gul = add(sqlite, "gul", Role.ADMIN, now=now)
    for act in (
        lambda session: offices.end(session, user_id=id_of(gul), role=Role.ADMIN, actor=gul, now=now),
        lambda session: users.disable(session, user_id=id_of(gul), actor=gul, now=now),
    ):
        with pytest.raises(Conflict, match=r"user\.last_admin"), sqlite.transaction() as session:
            act(session)


def test_an_office_ends_once_and_can_be_held_again(sqlite: Database, now: datetime) -> None:
    gul = add(sqlite, "gul", Role.ADMIN, now=now)
    ada = add(sqlite, "ada", Role.TREASURER, now=now)
    with sqlite.transaction() as session:
        offices.end(session, user_id=id_of(ada), role=Role.TREASURER, actor=gul, now=now)
        with pytest.raises(Conflict, match=r"office\.not_held"):
            offices.end(session, user_id=id_of(ada), role=Role.TREASURER, actor=gul, now=now)
        offices.grant(session, user_id=id_of(ada), role=Role.TREASURER, actor=gul, now=now)
        with pytest.raises(Conflict, match=r"office\.held_already"):
            offices.grant(session, user_id=id_of(ada), role=Role.TREASURER, actor=gul, now=now)
        assert len(offices.list_history(session, id_of(ada))) == 2


def test_a_link_works_once_and_for_three_days(sqlite: Database, now: datetime) -> None:
    gul, bo = add(sqlite, "gul", Role.ADMIN, now=now), add(sqlite, "bo", now=now)
    with sqlite.transaction() as session:
        old = signin_links.create(session, user_id=id_of(bo), actor=gul, now=now)
        token = signin_links.create(session, user_id=id_of(bo), actor=gul, now=now)
        with pytest.raises(Gone):
            signin_links.use(session, token=old, now=now)
        with pytest.raises(Gone):
            signin_links.use(session, token=token, now=now + timedelta(hours=72))
        assert signin_links.use(session, token=token, now=now + timedelta(hours=71)).id == bo.user_id
        with pytest.raises(Gone):
            signin_links.use(session, token=token, now=now + timedelta(hours=71))


def test_a_new_password_ends_links_that_were_handed_out(sqlite: Database, now: datetime) -> None:
    gul, bo = add(sqlite, "gul", Role.ADMIN, now=now), add(sqlite, "bo", now=now)
    with sqlite.transaction() as session:
        token = signin_links.create(session, user_id=id_of(bo), actor=gul, now=now)
        users.set_password(session, user_id=id_of(bo), password_hash="-", now=now)
        with pytest.raises(Gone):
            signin_links.use(session, token=token, now=now)


def test_two_admins_who_disable_each_other_at_once_leave_one(database: Database, now: datetime) -> None:
    pair = [add(database, name, Role.ADMIN, now=now) for name in ("gul", "ivo")]

    def disable(index: int) -> bool:
        try:
            with database.transaction() as session:
                users.disable(session, user_id=id_of(pair[1 - index]), actor=pair[index], now=now)
        except (Conflict, Forbidden):
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(disable, range(2))).count(True) == 1


def test_offices_that_must_not_meet_are_not_granted_at_once(database: Database, now: datetime) -> None:
    gul, bo = add(database, "gul", Role.ADMIN, now=now), add(database, "bo", now=now)

    def grant(role: Role) -> bool:
        try:
            with database.transaction() as session:
                offices.grant(session, user_id=id_of(bo), role=role, actor=gul, now=now)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(grant, (Role.TREASURER, Role.APPROVER))).count(True) == 1


def test_of_parallel_uses_of_a_link_one_wins(database: Database, now: datetime) -> None:
    gul, bo = add(database, "gul", Role.ADMIN, now=now), add(database, "bo", now=now)
    with database.transaction() as session:
        token = signin_links.create(session, user_id=id_of(bo), actor=gul, now=now)

    def use(_index: int) -> bool:
        try:
            with database.transaction() as session:
                signin_links.use(session, token=token, now=now)
        except Gone:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(use, range(20))).count(True) == 1


def test_disabled_users_get_and_use_no_link(sqlite: Database, now: datetime) -> None:
    gul, bo = add(sqlite, "gul", Role.ADMIN, now=now), add(sqlite, "bo", Role.TREASURER, now=now)
    with sqlite.transaction() as session:
        token = signin_links.create(session, user_id=id_of(bo), actor=gul, now=now)
        users.disable(session, user_id=id_of(bo), actor=gul, now=now)
        with pytest.raises(Gone):
            signin_links.use(session, token=token, now=now)
        with pytest.raises(Conflict, match=r"user\.disabled"):
            signin_links.create(session, user_id=id_of(bo), actor=gul, now=now)
        assert offices.list_held(session, id_of(bo)) == []
        with pytest.raises(NotFound):
            signin_links.create(session, user_id="nobody", actor=gul, now=now)


def test_passwords_are_checked_in_the_same_words(sqlite: Database, now: datetime) -> None:
    bo = add(sqlite, "bo", now=now)
    with sqlite.transaction() as session:
        users.set_password(
            session, user_id=id_of(bo), password_hash=users.hash_password("four words in a row"), now=now
        )
    with sqlite.reading() as session:
        user = users.get(session, id_of(bo))
    assert user.password_hash
    assert user.password_hash.startswith("$argon2id$")
    assert users.authenticate(user, "four words in a row").id == bo.user_id
    for someone, password in ((user, "four words in a ro"), (user, ""), (None, "four words in a row")):
        with pytest.raises(NotSignedIn, match=r"signin\.failed"):
            users.authenticate(someone, password)


@pytest.mark.parametrize("password", ["short", "x" * 11, "x" * 257, "bo.lindqvist@example.org"])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(Invalid):
        users.check_password(password, "bo.lindqvist@example.org")

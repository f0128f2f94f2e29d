"""Sessions end when they should (security.md P13)."""

from datetime import datetime, timedelta

from coop.core.actor import Actor, Role, system
from coop.core.db import Database
from coop.services import offices, sessions, users

ADMIN = Actor(label="Founder", user_id="founder", roles=frozenset({Role.ADMIN}))


def begin(database: Database, now: datetime) -> tuple[str, str]:
    """(user id, token) of a new user's session."""
    with database.transaction() as session:
        user = users.create(session, email="Bo@Example.org", name="Bo", now=now)
        return user.id, sessions.create(session, user_id=user.id, now=now)


def is_alive(database: Database, token: str, now: datetime) -> bool:
    """Whether the token still opens a session."""
    with database.reading() as session:
        return sessions.find(session, token=token, now=now) is not None


def test_a_session_lives_while_used_and_at_most_a_week(sqlite: Database, now: datetime) -> None:
    _user_id, token = begin(sqlite, now)
    moment = now
    while is_alive(sqlite, token, moment):
        with sqlite.transaction() as session:
            found = sessions.find(session, token=token, now=moment)
            assert found
            sessions.touch(session, session_id=found[0].id, now=moment)
        moment += timedelta(hours=11)
    assert now + timedelta(days=7) <= moment < now + timedelta(days=7, hours=11)


def test_an_idle_session_ends(sqlite: Database, now: datetime) -> None:
    _user_id, token = begin(sqlite, now)
    assert is_alive(sqlite, token, now + timedelta(hours=12, seconds=-1))
    assert not is_alive(sqlite, token, now + timedelta(hours=12))


def test_disabling_and_a_new_password_end_every_session(sqlite: Database, now: datetime) -> None:
    user_id, token = begin(sqlite, now)
    with sqlite.transaction() as session:
        second = sessions.create(session, user_id=user_id, now=now)
        users.set_password(session, user_id=user_id, password_hash="x", now=now)
        third = sessions.create(session, user_id=user_id, now=now)
    assert [is_alive(sqlite, each, now) for each in (token, second, third)] == [False, False, True]
    with sqlite.transaction() as session:
        other = users.create(session, email="gul@example.org", name="Gul", now=now)
        offices.grant(session, user_id=other.id, role=Role.ADMIN, actor=system("test"), now=now)
        users.disable(session, user_id=user_id, actor=ADMIN, now=now)
    assert not is_alive(sqlite, third, now)


def test_the_token_is_not_in_the_database(sqlite: Database, now: datetime) -> None:
    _user_id, token = begin(sqlite, now)
    with sqlite.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM web_session").fetchall()
    assert token not in str(rows)

"""A fresh install has one way in: the setup link (security.md P12)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from coop.core.actor import Role
from coop.core.db import Database
from coop.core.errors import Conflict, CoopError, Gone, Invalid
from coop.rules.bylaws import FOUNDING
from coop.services import actors, offices, setup, users
from coop.services.setup import Founding

VALLEY = Founding("Valley", "Valley eG", "EUR", "Europe/Berlin", FOUNDING)


def complete(database: Database, token: str, now: datetime, founding: Founding = VALLEY, email: str = "g@e.org") -> str:
    """Use the setup link; the id of the admin."""
    with database.transaction() as session:
        return setup.complete(
            session, token=token, founding=founding, name="Gul", email=email, password_hash="hash", now=now
        ).id


def make_link(database: Database, now: datetime) -> str:
    """A setup link."""
    with database.transaction() as session:
        token = setup.ensure_link(session, now)
    assert token
    return token


def test_the_link_founds_the_coop_and_its_admin(database: Database, now: datetime) -> None:
    user_id = complete(database, make_link(database, now), now)
    with database.transaction() as session:
        assert actors.actor_for_user(session, user_id).roles == {Role.ADMIN, Role.SYSADMIN}
        assert setup.ensure_link(session, now) is None


def test_fifty_parallel_setups_make_one_admin(database: Database, now: datetime) -> None:
    token = make_link(database, now)

    def attempt(index: int) -> str:
        try:
            complete(database, token, now, email=f"g{index}@example.org")
        except CoopError as error:
            return error.code
        return "founded"

    with ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(attempt, range(50)))
    assert outcomes.count("founded") == 1
    assert set(outcomes) <= {"founded", "setup_link.gone", "coop.founded_already"}
    with database.reading() as session:
        assert len(users.list_users(session)) == 1
        assert len(offices.list_holders(session, Role.ADMIN)) == 1


def test_the_link_lasts_half_an_hour_and_a_new_one_ends_it(sqlite: Database, now: datetime) -> None:
    old, token = make_link(sqlite, now), make_link(sqlite, now)
    for used, moment in ((old, now), (token, now + timedelta(minutes=30)), ("guessed", now)):
        with pytest.raises(Gone):
            complete(sqlite, used, moment)
    complete(sqlite, token, now + timedelta(minutes=29))
    with pytest.raises(Conflict):
        complete(sqlite, token, now + timedelta(minutes=29))


@pytest.mark.parametrize("change", [{"currency": "XXX"}, {"timezone": "Europe/Atlantis"}])
def test_a_refused_form_leaves_the_link_unused(sqlite: Database, now: datetime, change: dict[str, str]) -> None:
    token = make_link(sqlite, now)
    fields = {**VALLEY.__dict__, **change}
    with pytest.raises(Invalid):
        complete(sqlite, token, now, founding=Founding(**fields))
    complete(sqlite, token, now)

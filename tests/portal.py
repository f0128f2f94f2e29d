"""A founded co-op with one browser per kind of person, for tests of pages. Sessions are made without passwords."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlmodel import Session
from werkzeug.test import TestResponse

from app import create_app
from coop.core.actor import Role, system
from coop.core.db import Database
from coop.core.settings import Settings
from coop.models.members import Member, MemberUser
from coop.rules.bylaws import FOUNDING
from coop.services import offices, sessions, setup, users
from coop.services.setup import Founding
from coop.web.gate import SESSION_COOKIE
from orchestrator.control import keys

FORM_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
REQUEST_KEY = re.compile(r'name="request_key" value="([^"]+)"')
PERSONAS = ("stranger", "user", "member", *(role.value for role in Role))


@dataclass
class Portal:
    """An application on its own database. `users` maps a persona to the id of its user."""

    app: Flask
    database: Database
    users: dict[str, str] = field(default_factory=dict)

    def browser(self, persona: str) -> FlaskClient:
        """A browser in which this persona is signed in."""
        client = self.app.test_client()
        if persona != "stranger":
            with self.database.transaction() as session:
                token = sessions.create(session, user_id=self.users[persona], now=datetime.now(UTC))
            client.set_cookie(SESSION_COOKIE, token)
        return client


def post(client: FlaskClient, page: str, action: str, **data: str) -> TestResponse:
    """Send the form of a page as a browser does: with the tokens that the page carries."""
    html = client.get(page).text
    token, key = FORM_TOKEN.search(html), REQUEST_KEY.search(html)
    assert token, f"no form on {page}: {html[:2000]}"
    assert key
    return client.post(action, data={"form_token": token[1], "request_key": key[1], **data})


def add_person(session: Session, name: str, *, number: int | None, role: Role | None, now: datetime) -> str:
    """Add a user, a member with this number where there is one, and an office; return the user's id."""
    user = users.create(session, email=f"{name.lower()}@example.org", name=name, now=now)
    if number is not None:
        member = Member(number=number, name=name, email=user.email, joined_at=now)
        session.add(member)
        session.flush()
        session.add(MemberUser(member_id=member.id, user_id=user.id))
        session.flush()
    if role is not None:
        offices.grant(session, user_id=user.id, role=role, actor=system("test"), now=now)
    return user.id


def found(database: Database, home: Path) -> Portal:
    """Found a co-op with a user, a member, and one user for each office; return its portal."""
    now = datetime.now(UTC) - timedelta(days=1)
    url = database.engine.url.render_as_string(hide_password=False)
    settings = Settings(home=home, database_url=url)
    keys.ceremony(settings)
    app = create_app(settings)
    app.testing = True
    portal = Portal(app, database)
    founding = Founding("Valley", "Valley eG", "EUR", "Europe/Berlin", FOUNDING)
    with database.transaction() as session:
        setup.found(
            session, founding=founding, name="Founder", email="founder@example.org", password_hash=None, now=now
        )
        portal.users["user"] = add_person(session, "Cy", number=None, role=None, now=now)
        portal.users["member"] = add_person(session, "Bo", number=901, role=None, now=now)
        for role in Role:
            portal.users[role.value] = add_person(session, f"Office-{role.value}", number=None, role=role, now=now)
    return portal

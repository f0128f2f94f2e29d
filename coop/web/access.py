"""Access marks: every view wears exactly one, and a view without one stops the application from starting.

`@public` everybody; `@signed_in` any user; `@member_only` users who act for a member; `@role(Role.X, ...)` holders
of one of
the offices. The mark says who may try; the service checks the object itself. `g.actor` is always set: a stranger
without
roles where nobody is signed in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, g

from coop.core.actor import Actor, Role
from coop.core.errors import Forbidden, NotSignedIn

View = TypeVar("View", bound=Callable[..., Any])
MARK = "access_mark"
STRANGER = Actor(label="visitor")


@dataclass(frozen=True)
class Access:
    """Who may try a view: `public`, `signed_in`, `member` or `role` (then `roles` says which)."""

    kind: str
    roles: frozenset[Role] = frozenset()

    def check(self, actor: Actor) -> None:
        """Let the actor pass. Raises NotSignedIn or Forbidden."""
        if self.kind == "public":
            return
        if actor.user_id is None:
            raise NotSignedIn("access.not_signed_in")
        if self.kind == "member":
            actor.require_member()
        if self.kind == "role" and not actor.has_role(*self.roles):
            raise Forbidden("access.role_needed", role=", ".join(sorted(self.roles)))


def _mark(view: View, access: Access) -> View:
    assert not hasattr(view, MARK), f"{view.__name__} wears two access marks"
    setattr(view, MARK, access)
    return view


def public(view: View) -> View:
    """Open a view to everybody."""
    return _mark(view, Access("public"))


def signed_in(view: View) -> View:
    """Open a view to every user."""
    return _mark(view, Access("signed_in"))


def member_only(view: View) -> View:
    """Open a view to users who act for a member."""
    return _mark(view, Access("member"))


def role(*roles: Role) -> Callable[[View], View]:
    """Open a view to holders of one of the offices."""
    assert roles, "name at least one role"
    return lambda view: _mark(view, Access("role", frozenset(roles)))


def access_of(app: Flask, endpoint: str) -> Access:
    """Return the mark of an endpoint's view."""
    access = getattr(app.view_functions[endpoint], MARK, None)
    assert isinstance(access, Access), f"the view of {endpoint} wears no access mark"
    return access


def require_marks(app: Flask) -> None:
    """Refuse to start with a view that wears no mark."""
    for rule in app.url_map.iter_rules():
        access_of(app, rule.endpoint)


def current_actor() -> Actor:
    """Return who acts in this request."""
    actor = g.get("actor", STRANGER)
    assert isinstance(actor, Actor)
    return actor

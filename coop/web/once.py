"""A retry never acts twice: forms carry a request key, and the first answer is kept with the effect.

Exact use, on every POST that moves money, votes or quota, or makes something:

    @blueprint.post("/subscriptions")
    @member_only
    @once
    def subscribe() -> ResponseReturnValue:
        form = Form(request.form)
        ...
        with transaction() as session:
            subscription = shares.subscribe(session, ...)
            location = url_for("shares.show", id=subscription.id, done="saved")
            once_key(session, location)            # last thing in the same transaction
        return redirect_done(location)

The same key with the same body is answered with the same place and acts no more; with another body it is refused
(422).
Of requests at the same moment one wins: the others lose by the unique key, roll back and get the winner's answer.
`location` may carry its `?done=`. A view that returns a redirect without having called `once_key` is a broken
assumption.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import g, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session, select
from werkzeug.wrappers import Response

from coop.core.clock import utc_now
from coop.core.errors import CoopError, IdempotencyMismatch, Invalid
from coop.core.ids import token_digest
from coop.core.signing import digest
from coop.models.users import RequestKey
from coop.web.access import current_actor
from coop.web.csrf import form_token
from coop.web.db import reading

KEY_MAX = 64
LOCATION_MAX = 400
NOT_CONTENT = frozenset({"request_key", "form_token"})


@dataclass
class OnceKey:
    """The key of this request, and whether the view has written it."""

    actor: str
    key: str
    body_digest: str
    location: str = ""


def _read_key() -> OnceKey:
    key = request.headers.get("Idempotency-Key") or request.form.get("request_key", "")
    if not key or len(key) > KEY_MAX:
        raise Invalid("request.key_missing")
    content = sorted([name, value] for name, value in request.form.items(multi=True) if name not in NOT_CONTENT)
    body = digest({"path": request.path, "form": content, "data": hashlib.sha256(request.get_data()).hexdigest()
                   if request.mimetype == "application/json" else ""})  # fmt: skip
    actor = current_actor().user_id or f"v{token_digest(form_token())[:60]}"
    return OnceKey(actor=actor, key=key, body_digest=body)


def _earlier_answer(once: OnceKey) -> Response | None:
    with reading() as session:
        row = session.exec(
            select(RequestKey).where(RequestKey.actor == once.actor, RequestKey.key == once.key)
        ).one_or_none()
    if row is None:
        return None
    if row.body_digest != once.body_digest:
        raise IdempotencyMismatch("request.key_reused")
    return redirect(row.location, code=303)


def once_key(session: Session, location: str) -> None:
    """Write this request's key and the place of its answer into the view's transaction, after the effect."""
    once: OnceKey = g.once
    once.location = location
    assert len(location) <= LOCATION_MAX
    session.add(
        RequestKey(
            actor=once.actor, key=once.key, body_digest=once.body_digest, location=location, created_at=utc_now()
        )
    )
    session.flush()


def once(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Let a view act once per request key."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        g.once = key = _read_key()
        if (earlier := _earlier_answer(key)) is not None:
            return earlier
        try:
            answer = view(*args, **kwargs)
        except (CoopError, IntegrityError, OperationalError):
            # Somebody with the same key may have been quicker; then the conflict is our own echo.
            if (earlier := _earlier_answer(key)) is not None:
                return earlier
            raise
        redirects = isinstance(answer, Response) and answer.status_code in (302, 303)
        assert key.location or not redirects, f"{view.__name__} acted without once_key"
        return answer

    return guarded

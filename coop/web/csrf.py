"""No cross-site request: where it came from is checked, and a token of the form as well. GET changes nothing.

A signed-in browser's token is kept with its session; a visitor's is a cookie that the form repeats. A JSON request
without
a session carries no authority of a browser, so it needs no token (browsers ask first before they send one elsewhere).
"""

import hmac
from urllib.parse import urlsplit

from flask import Flask, Response, g, request

from coop.core.errors import Forbidden
from coop.core.ids import new_id, new_token
from coop.web.db import settings

FORM_COOKIE = "coop_form"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
TRUSTED_SITES = frozenset({"same-origin", "none"})


def _origin_host(address: str) -> str:
    return urlsplit(address).netloc


def check_origin() -> None:
    """Refuse an unsafe request that another site started. Raises Forbidden."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in TRUSTED_SITES:
        raise Forbidden("access.foreign_origin")
    origin = request.headers.get("Origin")
    if origin is not None and _origin_host(origin) not in {request.host, _origin_host(settings().portal_url)}:
        raise Forbidden("access.foreign_origin")


def form_token() -> str:
    """Return the token that forms of this page carry."""
    if g.get("web_session") is not None:
        return str(g.web_session.form_token)
    if "visitor_token" not in g:
        g.visitor_token = request.cookies.get(FORM_COOKIE) or new_token()
    return str(g.visitor_token)


def new_request_key() -> str:
    """Return the idempotency key of one form on one page."""
    return new_id()


def check_token() -> None:
    """Refuse an unsafe request without the token of its form. Raises Forbidden."""
    has_session = g.get("web_session") is not None
    if request.mimetype == "application/json" and not has_session:
        return
    sent = request.headers.get("X-Form-Token") or request.form.get("form_token", "")
    expected = g.web_session.form_token if has_session else request.cookies.get(FORM_COOKIE, "")
    if not sent or not hmac.compare_digest(sent.encode(), expected.encode()):
        raise Forbidden("access.form_token")


def is_secure() -> bool:
    """Say whether cookies travel by HTTPS only."""
    return settings().portal_url.startswith("https:")


def _keep_visitor_token(response: Response) -> Response:
    if "visitor_token" in g and request.cookies.get(FORM_COOKIE) != g.visitor_token:
        response.set_cookie(FORM_COOKIE, g.visitor_token, httponly=True, samesite="Lax", secure=is_secure())
    return response


def install(app: Flask) -> None:
    """Hand visitors the cookie that belongs to the form they were shown."""
    app.after_request(_keep_visitor_token)

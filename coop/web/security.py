"""Headers of every answer: a strict Content-Security-Policy with a nonce, and what browsers should not guess."""

import secrets

from flask import Flask, Response, g, request

NONCE_BYTES = 18


def nonce() -> str:
    """Return this request's nonce for scripts."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(NONCE_BYTES)
    return str(g.nonce)


def content_security_policy() -> str:
    """Return the policy of this answer: nothing inline, nothing from elsewhere."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{nonce()}'",
            "style-src 'self'",
            "img-src 'self'",
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


def add_headers(response: Response) -> Response:
    """Set the headers on an answer."""
    headers = response.headers
    headers["Content-Security-Policy"] = content_security_policy()
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=()"
    response.vary.update(("HX-Request", "Accept", "Accept-Language", "Cookie"))
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    return response


def install(app: Flask) -> None:
    """Put the headers on every answer, errors included."""
    app.after_request(add_headers)

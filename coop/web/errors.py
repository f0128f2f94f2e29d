"""The only place that knows HTTP status codes: errors become a page that names the remedy, or problem JSON for
scripts.
"""

from typing import cast
from urllib.parse import quote

import structlog
from flask import Flask, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from coop.core import errors
from coop.core.errors import CoopError, Value
from coop.core.ids import new_id
from coop.web.forms import Form
from coop.web.render import render, sentence, wants_json

# The most exact class first: the first one that fits gives the status.
STATUS: tuple[tuple[type[CoopError], int], ...] = (
    (errors.NotSignedIn, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.Invalid, 422),
    (errors.IdempotencyMismatch, 422),
    (errors.Conflict, 409),
    (errors.TooLarge, 413),
    (errors.TooMany, 429),
    (errors.Gone, 410),
    (errors.InsufficientCredit, 402),
    (errors.PolicyRefused, 403),
    (errors.Unavailable, 503),
    (errors.Tampered, 409),
)
DRAIN_BYTES_MAX = 64 * 1024 * 1024  # read and dropped, so that the sender of a large body gets to see the answer
DRAIN_CHUNK = 64 * 1024
RETRY_DATABASE_S = 10

log = structlog.get_logger()


def status_of(error: CoopError) -> int:
    """Return the HTTP status of an error."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def _answer(status: int, code: str, values: dict[str, Value], form: Form | None = None) -> ResponseReturnValue:
    text = sentence(code, values)
    if wants_json() or request.mimetype == "application/json":
        body = {"code": code, "message": text, "values": values, "fields": form.errors if form else {}}
        response = jsonify(body)
        response.content_type = "application/problem+json"
        return response, status
    return render("errors/show.html", status=status, code=code, text=text, problem=form), status


def _coop_error(error: CoopError) -> ResponseReturnValue:
    status = status_of(error)
    if isinstance(error, errors.NotSignedIn) and request.method == "GET" and not wants_json():
        return redirect(f"/sign-in?next={quote(request.full_path.rstrip('?'))}", code=303)
    form = None
    if isinstance(error, errors.Invalid):
        form = Form(request.form)
        form.take(error)
    answer = _answer(status, error.code, error.values, form)
    if isinstance(error, errors.TooMany):
        return (*cast(tuple[str, int], answer), {"Retry-After": str(error.values.get("retry_after_s", 60))})
    return answer


def _too_large(_error: RequestEntityTooLarge) -> ResponseReturnValue:
    stream, left = request.environ["wsgi.input"], min(request.content_length or 0, DRAIN_BYTES_MAX)
    while left > 0 and (chunk := stream.read(min(DRAIN_CHUNK, left))):
        left -= len(chunk)
    return _answer(413, "request.too_large", {"limit_kb": (request.max_content_length or 0) // 1024})


def _http_error(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status < 400:
        return error.get_response()
    code = {404: "page.not_found", 405: "request.method"}.get(status, "request.bad")
    return _answer(status, code, {})


def _place() -> str:
    """Return the pattern of the address for the log: the address itself may hold the secret of a link."""
    return request.url_rule.rule if request.url_rule else "unknown"


def _database_error(error: Exception) -> ResponseReturnValue:
    log.error("database_unavailable", error=str(error).splitlines()[0], path=_place())
    return (
        *cast(tuple[str, int], _answer(503, "database.unavailable", {})),
        {"Retry-After": str(RETRY_DATABASE_S)},
    )


def _refused_by_database(error: Exception) -> ResponseReturnValue:
    """Answer what only the database noticed: a clash with somebody at the same moment, or a value it cannot keep."""
    assert isinstance(error, DataError | IntegrityError)
    log.warning("database_refused", error=str(error.orig).splitlines()[0], path=_place())
    if isinstance(error, IntegrityError):
        return _answer(409, "request.clash", {})
    return _answer(422, "request.bad", {})


def _unexpected(error: Exception) -> ResponseReturnValue:
    number = new_id()[-8:]
    log.error("request_failed", number=number, path=_place(), exc_info=error)
    return _answer(500, "server.failed", {"number": number})


def install(app: Flask) -> None:
    """Register the handlers. Tests see unexpected errors themselves: TESTING turns the last handler off."""
    app.register_error_handler(CoopError, _coop_error)
    app.register_error_handler(RequestEntityTooLarge, _too_large)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DataError, _refused_by_database)
    app.register_error_handler(IntegrityError, _refused_by_database)
    app.register_error_handler(OperationalError, _database_error)
    app.register_error_handler(InterfaceError, _database_error)
    app.register_error_handler(500, _unexpected)

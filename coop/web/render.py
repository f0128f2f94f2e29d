"""Renders pages and named blocks of them. A template gets values only: what a person may not see is not in the context.

Templates have the globals `ui` and `svg` (macros), the formats of formats.py, `_`/`ngettext`, `sentence(code,
values)`, and on every page `cooperative`, `actor`, `nav`, `nonce`, `theme`, `done`. Undefined names are errors.
"""

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, current_app, g, jsonify, redirect, request
from jinja2 import Environment, StrictUndefined, Template
from werkzeug.wrappers import Response as BaseResponse

from coop.core.errors import Invalid, Value
from coop.core.resources import resource
from coop.core.sentences import all_sentences
from coop.core.sentences import sentence as plain_sentence
from coop.web import csrf, formats, i18n, nav, security
from coop.web.access import current_actor
from coop.web.forms import Form

HTMX_FILES = ("vendor/htmx.min.js", "vendor/hx-csp.js")
DONE_PREFIX = "done."


def sentence(code: str, values: Mapping[str, Value] | None = None) -> str:
    """Return the sentence of a code in the reader's language, amounts and times written for people."""
    return plain_sentence(code, formats.readable(values or {}), i18n.plain_gettext)


class Macros:
    """The macros of one template file as a global: an import at the top of a page is undefined in a lone block."""

    def __init__(self, environment: Environment, name: str) -> None:
        self._environment = environment
        self._name = name

    def __getattr__(self, macro: str) -> Any:
        return getattr(self._environment.get_template(self._name).module, macro)


def _done() -> str | None:
    """Return what the redirect before this page did, from `?done=`; only known sentences are shown."""
    code = DONE_PREFIX + request.args.get("done", "")
    return sentence(code) if code in all_sentences() else None


def _context() -> dict[str, Any]:
    actor = current_actor()
    return {
        "cooperative": g.get("cooperative"),
        "actor": actor,
        "user": g.get("user"),
        "nav": nav.items_for(actor, request.path) if g.get("cooperative") else [],
        "nonce": security.nonce(),
        "theme": g.user.theme if g.get("user") else "",
        "language": i18n.language(),
        "done": _done(),
        "form": None,
        "htmx_files": current_app.extensions["coop_htmx_files"],
    }


def _template(name: str) -> Template:
    return current_app.jinja_env.get_template(name)


def render(template: str, *, block: str | None = None, **context: Any) -> str:
    """Render a page, or with `block` one named block of it for HTMX."""
    values = {**_context(), **context}
    found = _template(template)
    if block is None:
        return found.render(values)
    return "".join(found.blocks[block](found.new_context(values)))


def render_invalid(template: str, form: Form, error: Invalid, **context: Any) -> tuple[str, int]:
    """Render the page of a form again with its problems, status 422."""
    form.take(error)
    return render(template, form=form, **context), 422


def wants_json() -> bool:
    """Say whether the reader is a script that asked for JSON."""
    accepted = request.accept_mimetypes
    return accepted.best_match(("text/html", "application/json")) == "application/json" and bool(accepted)


def render_or_json(template: str, data: object, **context: Any) -> str | Response:
    """Render the page, or answer `data` as JSON where the reader asked for it."""
    return jsonify(data) if wants_json() else render(template, **context)


def redirect_done(location: str, done: str = "") -> BaseResponse:
    """Redirect after a POST; `done` names a sentence `done.<done>` that the next page shows."""
    separator = "&" if "?" in location else "?"
    return redirect(f"{location}{separator}done={done}" if done else location, code=303)


def install(app: Flask) -> None:
    """Set up Jinja."""
    environment = app.jinja_env
    environment.undefined = StrictUndefined
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.policies["ext.i18n.trimmed"] = True
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(i18n.plain_gettext, i18n.plain_ngettext, newstyle=True)  # type: ignore[attr-defined] # the extension adds it
    environment.globals.update(formats.FORMATS)
    environment.filters.update({name: function for name, function in formats.FORMATS.items() if name != "percent"})
    environment.globals.update(
        ui=Macros(environment, "ui.html"),
        svg=Macros(environment, "svg.html"),
        form_token_value=csrf.form_token,
        new_request_key=csrf.new_request_key,
        sentence=sentence,
    )
    static = resource("static")
    app.extensions["coop_htmx_files"] = [name for name in HTMX_FILES if (static / name).exists()]

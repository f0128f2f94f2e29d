"""Every template compiles, every page without arguments renders, and every code has its sentence."""

import ast
import re
from pathlib import Path

from jinja2 import nodes

from coop.core import errors
from coop.core.sentences import all_sentences
from tests.portal import PERSONAS, Portal

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted(path.relative_to(ROOT / "templates").as_posix() for path in (ROOT / "templates").rglob("*.html"))
SOURCES = [
    path for package in ("coop", "governance", "orchestrator") for path in sorted((ROOT / package).rglob("*.py"))
]
WITHOUT_GRID = frozenset({"enrolment.index"})  # answers once NATS was started; the grid's own tests do that
ERRORS = {
    kind.__name__ for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CoopError)
}


def test_templates_compile_and_import_nothing_at_their_top(portal: Portal) -> None:
    environment = portal.app.jinja_env
    assert len(TEMPLATES) > 50
    for name in TEMPLATES:
        environment.get_template(name)
        tree = environment.parse((ROOT / "templates" / name).read_text())
        assert list(tree.find_all((nodes.Import, nodes.FromImport))) == [], f"{name}: use the globals ui and svg"


def test_pages_without_arguments_render_for_everybody_who_may_see_them(portal: Portal) -> None:
    for persona in PERSONAS:
        client = portal.browser(persona)
        for rule in portal.app.url_map.iter_rules():
            if "GET" in (rule.methods or ()) and not rule.arguments and rule.endpoint != "static":
                answer = client.get(rule.rule)
                expected = {503} if rule.endpoint in WITHOUT_GRID else {200, 303, 403}
                assert answer.status_code in expected, (
                    f"{persona} {rule.rule}: {answer.status_code} {answer.text[:2000]}"
                )
                if answer.mimetype == "text/html" and answer.status_code == 200:
                    assert re.search(r"<title>[^<\n]*\S – ", answer.text), f"{rule.rule} has no title"
                    assert answer.text.count("<h1") == 1, f"{rule.rule} needs one h1"


def test_every_code_that_is_raised_has_a_sentence() -> None:
    missing = []
    for path in SOURCES:
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            first = call.args[0] if call.args else None
            if name in ERRORS and isinstance(first, ast.Constant) and first.value not in all_sentences():
                missing.append(f"{path.relative_to(ROOT)}: {first.value}")
    assert missing == []


def test_every_done_code_has_a_sentence() -> None:
    said = re.compile(r'redirect_done\([^\n]*"([a-z_]+)"\)|done="([a-z_]+)"')
    codes = {a or b for path in SOURCES for a, b in said.findall(path.read_text())}
    assert {f"done.{code}" for code in codes} - all_sentences().keys() == set()


def test_sentences_ask_only_for_values_by_name() -> None:
    for code, text in all_sentences().items():
        assert re.sub(r"\{[a-z_]+\}", "", text).count("{") == 0, code

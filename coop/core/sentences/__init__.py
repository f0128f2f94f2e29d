"""The English sentence of every code that errors and changes carry. The reader's edge translates; services never do.

Each area (a module of this package) holds one dictionary, `SENTENCES`: code -> sentence in N_(), with `{values}` in
braces.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache

from coop.core.errors import Value
from coop.core.sentences.marker import N_

__all__ = ["N_", "all_sentences", "sentence"]

UNKNOWN = "unknown"


@cache
def all_sentences() -> Mapping[str, str]:
    """Return code -> English sentence of every module of this package. A code in two modules is an assertion error."""
    merged: dict[str, str] = {}
    areas = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "marker")
    for area in areas:
        sentences: dict[str, str] = importlib.import_module(f"{__name__}.{area}").SENTENCES
        twice = merged.keys() & sentences.keys()
        assert not twice, f"sentences given twice: {sorted(twice)}"
        merged.update(sentences)
    return merged


def sentence(code: str, values: Mapping[str, Value | str], translate: Callable[[str], str] = str) -> str:
    """Return the sentence of a code, translated, with its values. An unknown code yields a sentence that names it."""
    template = all_sentences().get(code)
    if template is None:
        return translate(all_sentences()[UNKNOWN]).format(code=code)
    return translate(template).format(**values)

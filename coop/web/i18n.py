"""Languages by gettext: the user's choice, else Accept-Language, else English. Reads `translations/` when it is
there.
"""

from functools import cache
from typing import Any

from babel import Locale
from babel.support import NullTranslations, Translations
from flask import g, has_request_context, request

from coop.core.resources import resource

LANGUAGES = ("en",)


@cache
def _catalogue(language: str) -> NullTranslations:
    try:
        loaded: NullTranslations = Translations.load(resource("translations"), [language])
    except FileNotFoundError:
        loaded = NullTranslations()
    return loaded


def negotiate(stored: str | None) -> str:
    """Return the language of this request."""
    if stored in LANGUAGES:
        return str(stored)
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def language() -> str:
    """Return the language of the page, English outside of a request."""
    return str(g.get("language", LANGUAGES[0])) if has_request_context() else LANGUAGES[0]


def locale() -> Locale:
    """Return Babel's locale of the page. Plain English means English of Europe: day before month, 24 hours."""
    return Locale.parse("en_GB" if language() == "en" else language())


def gettext(message: str, **values: Any) -> str:
    """Translate a string; `%(name)s` in it is replaced by the values."""
    text = str(_catalogue(language()).ugettext(message))
    return text % values if values else text


def ngettext(singular: str, plural: str, number: int, **values: Any) -> str:
    """Translate a string with a count; `%(num)d` in it is the count."""
    return str(_catalogue(language()).ungettext(singular, plural, number)) % {"num": number, **values}


def plain_gettext(message: str) -> str:
    """Translate a string for the template extension, which fills in the values itself."""
    return str(_catalogue(language()).ugettext(message))


def plain_ngettext(singular: str, plural: str, number: int) -> str:
    """Translate a string with a count for the template extension."""
    return str(_catalogue(language()).ungettext(singular, plural, number))


_ = gettext

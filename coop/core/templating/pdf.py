"""PDF from packaged templates and styles. The fetcher serves `packaged:` names from static/ and denies all else."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from weasyprint import HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

from coop.core.resources import resource
from coop.core.templating.formats import Formats

SCHEME = "packaged:"
MEDIA_TYPES = {".css": "text/css", ".svg": "image/svg+xml"}


class FetchDeniedError(ValueError):
    """A document asked for something that is not packaged with it."""


class PackagedFetcher(URLFetcher):  # type: ignore[misc]  # weasyprint has no types
    """Answers `packaged:<name>` with a file of static/. No network, no other file, no data URL."""

    def __init__(self) -> None:
        super().__init__(allowed_protocols=())
        self.folder: Path = resource("static").resolve()

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:  # noqa: ARG002 the signature
        """Return a packaged file. Raises FetchDeniedError."""
        name = url.removeprefix(SCHEME)
        path = (self.folder / name).resolve()
        is_packaged = (
            url.startswith(SCHEME)
            and path.is_relative_to(self.folder)
            and path.suffix in MEDIA_TYPES
            and path.is_file()
        )
        if not is_packaged:
            raise FetchDeniedError(f"denied: {url[:80]}")
        return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": MEDIA_TYPES[path.suffix]})


def _keep(text: str) -> str:
    return text


def _keep_plural(one: str, many: str, count: int) -> str:
    return one if count == 1 else many


def environment(formats: Formats) -> Environment:
    """Return Jinja with the same names as pages have, so that page and PDF share their parts."""
    made = Environment(
        loader=FileSystemLoader(resource("templates")),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_callables(_keep, _keep_plural, newstyle=True)  # type: ignore[attr-defined]  # the extension adds it
    made.globals.update(
        money=formats.money,
        money_nano=formats.money_nano,
        date=formats.date,
        when=formats.when,
        number=formats.number,
    )
    return made


class Renderer:
    """Renders documents of one batch; fonts are set up once. The same template and values give the same bytes."""

    def __init__(self, formats: Formats) -> None:
        self._environment = environment(formats)
        self._fonts = FontConfiguration()
        self._fetcher = PackagedFetcher()

    def pdf(self, template: str, **values: Any) -> bytes:
        """Return the PDF (PDF/UA-1) of a template."""
        html = self._environment.get_template(template).render(values)
        page = HTML(string=html, base_url=SCHEME, url_fetcher=self._fetcher)
        result = page.write_pdf(font_config=self._fonts, pdf_variant="pdf/ua-1")
        assert isinstance(result, bytes)
        return result

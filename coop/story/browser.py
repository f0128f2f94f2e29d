"""A person at a plain browser without JavaScript: opens pages, fills forms that are there, follows redirects."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx2 as httpx

TIMEOUT_S = 30.0


class StoryFailed(AssertionError):
    """Something in the story was not as it must be; the message says what was expected and what came."""


@dataclass
class FoundForm:
    """A form of a page: where it goes and what it holds."""

    action: str
    method: str = "get"
    values: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


class FormReader(HTMLParser):
    """Collects the forms of a page with their present values, as a browser would send them."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[FoundForm] = []
        self._open: FoundForm | None = None
        self._textarea: str | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms and their fields."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = FoundForm(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._open)
        elif self._open is not None and given.get("name"):
            self._field(tag, given, self._open)
        elif tag == "option" and self._open is not None and self._select:
            self._option(given, self._open, self._select)

    def _field(self, tag: str, given: dict[str, str], form: FoundForm) -> None:
        name = given["name"]
        form.names.add(name)
        if tag == "input" and given.get("type") in ("radio", "checkbox"):
            if "checked" in given:
                form.values[name] = given.get("value", "on")
        elif tag == "input":
            form.values[name] = given.get("value", "")
        elif tag == "textarea":
            self._textarea = name
            form.values[name] = ""
        elif tag == "select":
            self._select = name

    def _option(self, given: dict[str, str], form: FoundForm, name: str) -> None:
        """Take the selected option; the first one where none is."""
        if "selected" in given or name not in form.values:
            form.values[name] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        """Keep a text area's text."""
        if self._textarea and self._open:
            self._open.values[self._textarea] += data

    def handle_endtag(self, tag: str) -> None:
        """Close what ended."""
        if tag == "form":
            self._open = None
        elif tag == "textarea":
            self._textarea = None
        elif tag == "select":
            self._select = None


class Browser:
    """One person's browser: cookies of her own, one page open."""

    def __init__(self, base_url: str, who: str) -> None:
        self.who = who
        self.client = httpx.Client(base_url=base_url, follow_redirects=True, timeout=TIMEOUT_S)
        self.base_url = base_url
        self.page: httpx.Response | None = None

    def close(self) -> None:
        """Close the browser."""
        self.client.close()

    def open(self, path: str, *, status: int = 200) -> httpx.Response:
        """Open a page and expect a status."""
        self.page = self.client.get(path, headers={"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
        return self._expect(status, f"GET {path}")

    def json(self, path: str) -> dict[str, object]:
        """Read a page as JSON."""
        response = self.client.get(path, headers={"Accept": "application/json"})
        if response.status_code != 200:
            raise StoryFailed(f"{self.who}: GET {path} as JSON answered {response.status_code}: {response.text[:300]}")
        data: dict[str, object] = response.json()
        return data

    def rows(self, path: str) -> list[dict[str, object]]:
        """Read a page as JSON whose outermost value is a list."""
        found: list[dict[str, object]] = self.json(path)  # type: ignore[assignment]
        assert isinstance(found, list)
        return found

    def status(self, path: str) -> int:
        """Return the status a page answers with, without opening it."""
        return self.client.get(path, headers={"Accept": "text/html"}).status_code

    def bytes(self, path: str) -> bytes:
        """Download a file."""
        response = self.client.get(path)
        if response.status_code != 200:
            raise StoryFailed(f"{self.who}: download of {path} answered {response.status_code}")
        return response.content

    def submit(self, action: str, *, status: int = 200, **values: str) -> httpx.Response:
        """Fill and send the form of the open page whose action ends with (or matches) `action`."""
        form = self.form(action)
        unknown = set(values) - form.names
        if unknown:
            raise StoryFailed(
                f"{self.who}: the form {form.action} has no field {sorted(unknown)}; it has {sorted(form.names)}"
            )
        assert self.page is not None
        target = urljoin(str(self.page.url), form.action or str(self.page.url))
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(str(self.page.url)))
        headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
        self.page = self.client.request(form.method.upper(), target, data={**form.values, **values}, headers=headers)
        return self._expect(status, f"POST {form.action}")

    def form(self, action: str) -> FoundForm:
        """Find a form of the open page by a pattern at the end of its action."""
        assert self.page is not None
        reader = FormReader()
        reader.feed(self.page.text)
        for form in reader.forms:
            target = urljoin(str(self.page.url), form.action)
            if re.search(action + "$", urlsplit(target).path):
                return form
        raise StoryFailed(
            f"{self.who}: no form for {action} on {self.page.url}; there are {[form.action for form in reader.forms]}"
        )

    def link(self, pattern: str) -> str:
        """Return the first address on the open page that matches."""
        assert self.page is not None
        found = re.search(rf'href="({pattern})"', self.page.text)
        if not found:
            raise StoryFailed(f"{self.who}: no link {pattern} on {self.page.url}")
        return found.group(1)

    def find(self, pattern: str) -> str:
        """Return group 1 of a pattern in the open page's text."""
        assert self.page is not None
        found = re.search(pattern, self.page.text, re.DOTALL)
        if not found:
            raise StoryFailed(f"{self.who}: {pattern!r} is not on {self.page.url}")
        return found.group(1)

    def sees(self, text: str) -> None:
        """Expect a text on the open page."""
        assert self.page is not None
        if text not in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", self.page.text)) and text not in self.page.text:
            raise StoryFailed(f"{self.who}: expected {text!r} on {self.page.url}")

    def _expect(self, status: int, what: str) -> httpx.Response:
        assert self.page is not None
        is_fine = self.page.status_code == status or (status == 200 and self.page.is_success)
        if not is_fine:
            words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", self.page.text))[:500]
            raise StoryFailed(f"{self.who}: {what} answered {self.page.status_code}, expected {status}: {words}")
        return self.page


@contextmanager
def stranger(base_url: str, who: str = "Eve") -> Iterator[Browser]:
    """Lend a browser to somebody who comes by once."""
    browser = Browser(base_url, who)
    try:
        yield browser
    finally:
        browser.close()

"""The story's browser as a real one: Chromium at a phone's width. Same errands, real clicks, and what a glance misses."""

import os
import re
import shutil
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, ElementHandle, Page, Response

from coop.story.browser import Browser, StoryFailed

WIDTH, HEIGHT = 320, 720
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass(frozen=True)
class Address:
    """The address of a shown page."""

    full: str

    @property
    def path(self) -> str:
        return urlsplit(self.full).path

    def __str__(self) -> str:
        return self.full


@dataclass(frozen=True)
class Shown:
    """A page as the errands read it."""

    url: Address
    text: str
    status_code: int

    @property
    def is_success(self) -> bool:
        return 200 <= self.status_code < 300


class PhoneBrowser(Browser):
    """One person's phone: a context of its own in the one Chromium that the test started."""

    chromium: Chromium
    problems: list[str]

    def __init__(self, base_url: str, who: str) -> None:
        self.who, self.base_url = who, base_url
        self.page = None
        self.context: BrowserContext = self.chromium.new_context(
            base_url=base_url,
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme="dark" if who < "C" else "light",
        )
        self.tab: Page = self.context.new_page()
        self.tab.on("console", self._on_console)

    def _on_console(self, message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        # Chromium reports every answer of 400 and above here; the errands check those themselves.
        if kind in ("error", "warning") and "Failed to load resource" not in text:
            self.problems.append(f"{self.who} at {self.tab.url}: {text}")

    def close(self) -> None:
        self.context.close()

    def open(self, path: str, *, status: int = 200):  # type: ignore[no-untyped-def]
        return self._shown(self.tab.goto(path, wait_until="load"), status, f"GET {path}")

    def submit(self, action: str, *, status: int = 200, **values: str):  # type: ignore[no-untyped-def]
        form = self._form(action)
        form.evaluate("form => form.querySelectorAll('details').forEach(part => { part.open = true })")
        for name, value in values.items():
            self._fill(form, name, value)
        button = form.query_selector("button[type=submit]")
        assert button is not None, f"{self.who}: the form {action} has no button"
        with self.tab.expect_navigation(wait_until="load") as navigation:
            button.click()
        return self._shown(navigation.value, status, f"POST {action}")

    def _form(self, action: str) -> ElementHandle:
        for form in self.tab.query_selector_all("form"):
            path = urlsplit(str(form.evaluate("form => form.action"))).path
            if re.search(action + "$", path):
                return form
        raise StoryFailed(f"{self.who}: no form for {action} on {self.tab.url}")

    def _fill(self, form: ElementHandle, name: str, value: str) -> None:
        found = form.query_selector_all(f'[name="{name}"]')
        if not found:
            raise StoryFailed(f"{self.who}: the form has no field {name} on {self.tab.url}")
        kind = found[0].evaluate("field => field.type")
        if kind == "radio":
            next(option for option in found if option.get_attribute("value") == value).check()
        elif kind == "select-one":
            found[0].select_option(value)
        else:
            found[0].fill(value)

    def _shown(self, response: Response | None, status: int, what: str):  # type: ignore[no-untyped-def]
        assert response is not None
        self.page = Shown(Address(self.tab.url), self.tab.content(), response.status)  # type: ignore[assignment]
        wide = self.tab.evaluate(WIDER)
        if wide > 0:
            self.problems.append(f"{self.who} at {self.tab.url}: scrolls sideways by {wide} px at {WIDTH} px")
        return self._expect(status, what)

    def json(self, path: str) -> dict[str, object]:
        answer = self.context.request.get(path, headers={"Accept": "application/json"})
        assert answer.ok, f"{self.who}: {path} answered {answer.status}"
        data: dict[str, object] = answer.json()
        return data

    def status(self, path: str) -> int:
        return self.context.request.get(path, headers={"Accept": "text/html"}).status

    def bytes(self, path: str) -> bytes:
        answer = self.context.request.get(path)
        assert answer.ok, f"{self.who}: {path} answered {answer.status}"
        return answer.body()

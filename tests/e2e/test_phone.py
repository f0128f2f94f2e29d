"""The whole story in real Chromium at a phone's width: every page fits, none breaks the content policy."""

import importlib.util
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from coop.story.instance import Instance
from coop.story.play import CHAPTERS, Story

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("instances")]
SPEC = importlib.util.spec_from_file_location("e2e_chromium", Path(__file__).with_name("chromium.py"))
assert SPEC is not None
assert SPEC.loader is not None
chromium = importlib.util.module_from_spec(SPEC)
sys.modules["e2e_chromium"] = chromium
SPEC.loader.exec_module(chromium)


def test_the_story_can_be_played_on_a_phone(tmp_path: Path) -> None:
    instance = Instance(tmp_path / "home")
    problems: list[str] = []
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium.CHROMIUM, args=chromium.ARGUMENTS)
        chromium.PhoneBrowser.chromium = launched
        chromium.PhoneBrowser.problems = problems
        story = Story(instance=instance, out=tmp_path, machines=tmp_path, browser=chromium.PhoneBrowser, voting_s=25)
        try:
            proved = [chapter(story) for _, chapter in CHAPTERS]
        finally:
            story.end()
            launched.close()
    assert len(proved) == len(CHAPTERS)
    assert problems == []

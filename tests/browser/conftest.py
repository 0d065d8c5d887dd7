"""A browser, pages in it, and what they may not show."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from lab import pictures
from scenarios import end_to_end
from settings import Settings
from settings.model import REPOSITORY

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
SOON_MS = 30_000
"""For everything that a page shows or does: Playwright's own 5 s are too few on a slow machine."""
expect.set_options(timeout=SOON_MS)
FIRST_MS = 90_000
"""For a page to be there at all: a browser that draws ten of them has its hands full."""
ALLOWED = json.loads((Path(__file__).parent / "allowed.json").read_text(encoding="utf-8"))
"""What Streamlit's own page causes, each with its upstream report; `rules` are axe-core's, `console` parts of a message."""
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
OTHER_SIZES = {"tablet": (768, 1024), "large": (1920, 1080)}
SCREENSHOTS = os.environ.get("ALPES_SCREENSHOTS")
"""Set to anything, the pictures in docs/screenshots are taken anew: those that a document shows, and no others."""


@pytest.fixture(scope="session")
def paged() -> Iterator[Settings]:
    """A running embedded stack of the tests' own, with its page."""
    with end_to_end.running("embedded", private=True, without=()) as made:
        yield made


@pytest.fixture(scope="session")
def browser(missing: Callable[[str, str], None]) -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        missing("browser", "sudo apt-get install chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=chromium, args=[*QUIET, "--disable-component-update", "--disable-sync"]
        )
        yield found
        found.close()


@dataclass
class Visit:
    """A page open in a browser of its own, and what it complained of."""

    page: Page
    settings: Settings
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str = "") -> Page:
        self.page.goto(f"http://{self.settings.bind}:{self.settings.dashboard_port}/{path}")
        expect(self.page.locator(".st-key-frame .chip").first).to_be_visible(timeout=FIRST_MS)
        expect(self.page.locator("#first-sight")).to_have_count(0)
        self.page.wait_for_function("window.alpesKeys")  # before, a key that is pressed does nothing
        return self.page

    def listen(self, message: ConsoleMessage) -> None:
        text = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" and not any(part in text for one in ALLOWED["console"] for part in one["contains"]):
            self.complaints.append(text)

    def check(self) -> None:
        """No sideways scrolling, no error in the console, nothing axe-core objects to in our markup, no traceback."""
        self.page.mouse.move(0, 0)  # a tooltip of Streamlit's stands outside every landmark
        expect(self.page.get_by_test_id("stTooltipContent")).to_have_count(0)
        # A notice of Streamlit's is a dialog without a name, and goes by itself.
        expect(self.page.get_by_test_id("stToast")).to_have_count(0, timeout=FIRST_MS)
        assert self.complaints == []
        assert self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert self.page.get_by_text("Traceback").count() == 0
        assert self.page.get_by_test_id("stException").count() == 0
        deadline = time.monotonic() + 15
        while (violations := self._violations()) and time.monotonic() < deadline:
            self.page.wait_for_timeout(200)
        assert violations == []

    def _violations(self) -> list[tuple[str, list[str]]]:
        """What axe-core objects to now; what is just being drawn again is pale for a moment."""
        rules = {one["id"] for one in ALLOWED["rules"]}
        found = Axe().run(self.page, options={"resultTypes": ["violations"]}).response["violations"]
        return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found if one["id"] not in rules]

    def picture(self, name: str) -> None:
        file = REPOSITORY / "docs" / "screenshots" / f"{name}.png"
        if SCREENSHOTS and file.is_file():
            self.page.mouse.move(0, 0)
            expect(self.page.get_by_test_id("stTooltipContent")).to_have_count(0)
            file.write_bytes(pictures.shrink_png(self.page.screenshot(), colours=256))


Open = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser, paged: Settings) -> Iterator[Open]:
    """`visit(size, language, scheme)`: a new visitor; `settings` names another stack than the tests' own embedded one."""
    contexts: list[BrowserContext] = []

    def act(size: str = "wide", language: str = "en-US", scheme: str = "light", settings: Settings = paged) -> Visit:
        width, height = (SIZES | OTHER_SIZES)[size]
        context = browser.new_context(
            viewport={"width": width, "height": height},
            locale=language,
            color_scheme="dark" if scheme == "dark" else "light",
            accept_downloads=True,
        )
        contexts.append(context)
        made = Visit(context.new_page(), settings)
        made.page.on("console", made.listen)
        made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
        return made

    yield act
    for context in contexts:
        context.close()

"""A storm of random clicks, keys and texts on every page: never a white page, a stuck dialog, a traceback or a lost event.

`ALPES_STORM_S` sets the seconds and `ALPES_STORM_SEED` the seed; a failure names the seed and the last clicks.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections import deque
from collections.abc import Iterator

import pytest
from playwright.sync_api import Error, Locator, Page, expect

from application import Application, leases
from dashboard.site import PAGES
from scenarios import end_to_end
from scenarios.waiting import until
from settings import Settings
from stacks import health, stepping
from tests.browser.conftest import Open

DURATION_S = float(os.environ.get("ALPES_STORM_S", "600"))
SEED = int(os.environ.get("ALPES_STORM_SEED", str(int(time.time()))))
CONTROLS = (
    ".stApp :is(button, [role=tab], [role=button], a[href], summary, [role=combobox], [data-go], [data-pick],"
    " label:has(input)):visible"
)
FIELDS = ".stApp :is(input[type=text], input[type=number], textarea):visible"
KEYS = ("/", "?", "p", "n", "Escape", "Tab", "Enter", "ArrowDown")
TEXTS = ("", "0", "-1", "1e9", "120,50", "aff-1", "'; DROP TABLE commission; --", "<b>x</b>", "ñandú 漢字", "x" * 300)
pytestmark = [pytest.mark.browser, pytest.mark.breadth, pytest.mark.timeout(DURATION_S + 300)]
COMES_BACK_WITHIN_MS = 60_000
"""A reset stops the page's server for some seconds."""


@pytest.fixture
def stormy() -> Iterator[Settings]:
    """An instance of its own, because the storm resets it and kills its components."""
    with end_to_end.running("embedded", private=True, without=()) as made:
        yield made


@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_random_clicks_break_nothing(visit: Open, stormy: Settings, size: str) -> None:
    chooser = random.Random(SEED)
    last_acts: deque[str] = deque(maxlen=15)
    seen = visit(size, "en-US", settings=stormy)
    page = seen.page
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.context.on("page", lambda opened: opened.close() if opened != page else None)
    seen.go()
    ends_at = time.monotonic() + DURATION_S / 2
    while time.monotonic() < ends_at:
        last_acts.append(_act(page, chooser))
        problem = _find_problem(page)
        assert problem is None, f"{problem}; seed {SEED}, last: {list(last_acts)}"
    seen.go()
    _end_what_was_begun(stormy)
    with Application(stormy, pool_size=1) as application:
        until(lambda: all(row.works for row in health.check(stormy, application.engine)), 120, "every component works")
    assert end_to_end.run(stormy).ok


def _end_what_was_begun(settings: Settings) -> None:
    """End step mode and the faults that the storm began."""
    stepping.end(settings)
    for lease in leases.active(settings):
        leases.release(settings, lease.part, lease.fault)


def _act(page: Page, chooser: random.Random) -> str:
    """Do one thing at random, and return what it was."""
    kind = chooser.choices(("click", "type", "key", "go", "back"), (70, 12, 10, 6, 2))[0]
    try:
        if kind == "click":
            return _click(page, chooser)
        if kind == "type":
            field = _choose(page.locator(FIELDS), chooser)
            text = chooser.choice(TEXTS)
            if field is not None:
                field.fill(text, timeout=1000)
                field.press("Enter", timeout=1000)
            return f"type {text!r}"
        if kind == "key":
            key = chooser.choice(KEYS)
            page.keyboard.press(key)
            return f"key {key}"
        if kind == "back":
            page.go_back(wait_until="commit", timeout=5000)
            return "back"
        spec = chooser.choice(PAGES)
        page.goto(re.sub(r"/[^/]*$", f"/{'' if spec is PAGES[0] else spec.path}", page.url.split("?")[0]))
    except Error as error:  # what was chosen is gone, covered or disabled: so it would be for a visitor
        return f"{kind}: {error.message.splitlines()[0][:60]}"
    return f"go {page.url}"


def _click(page: Page, chooser: random.Random) -> str:
    control = _choose(page.locator(CONTROLS), chooser)
    if control is None:
        return "nothing to click"
    name = (control.inner_text(timeout=1000) or control.get_attribute("aria-label", timeout=1000) or "?")[:40]
    if (control.get_attribute("href", timeout=1000) or "").startswith("http"):
        return f"leads away: {name!r}"
    control.click(timeout=1000)
    return f"click {name!r}"


def _choose(candidates: Locator, chooser: random.Random) -> Locator | None:
    count = candidates.count()
    return candidates.nth(chooser.randrange(count)) if count else None


def _find_problem(page: Page) -> str | None:
    """Return what a visitor would call broken, once it has lasted; None if nothing is."""
    if page.get_by_test_id("stException").count() or page.get_by_text("Traceback").count():
        return "a traceback"
    try:
        expect(page.locator(".stApp .st-key-frame .chip").first).to_be_visible(timeout=COMES_BACK_WITHIN_MS)
    except AssertionError:
        return f"a white page at {page.url}"
    return None

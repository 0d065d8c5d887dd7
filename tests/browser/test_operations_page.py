"""The operations page in headless Chromium, on a stack of its own, for it is emptied."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from application import Application
from db import dead_letter_queries, queries
from scenarios import end_to_end, runner
from scenarios.waiting import until
from settings import Settings
from stacks.supervisor import Supervisor
from tests.browser.conftest import SIZES, Open
from tests.combining import sample_combinations

pytestmark = pytest.mark.browser

LANGUAGES = {"en-US": "en", "es-CO": "es"}
RESET_MS = 90_000


@pytest.fixture(scope="module")
def own() -> Iterator[Settings]:
    """With four dead letters, of which one was requeued."""
    with end_to_end.running("embedded", private=True, without=()) as made:
        runner.run(made, "poison-message")
        yield made


def press(page: Page, key: str) -> None:
    page.locator(f".st-key-{key} button:visible").first.click()


@sample_combinations(size=SIZES, browser_language=LANGUAGES)
def test_parts_topics_letters_and_logs_are_shown(visit: Open, own: Settings, size: str, browser_language: str) -> None:
    language = LANGUAGES[browser_language]
    seen = visit(size, browser_language, settings=own)
    page = seen.go("operations")
    expect(page.locator(".st-key-card-parts tbody tr")).to_have_count(11)
    expect(page.locator(".st-key-card-parts").get_by_text("pulsar-lite 0.2.0")).to_be_visible()
    expect(page.locator(".st-key-card-topics").get_by_text("outbox-events", exact=True)).to_be_visible()
    expect(page.locator(".st-key-card-letters tbody tr").first).to_be_visible()
    expect(page.locator(".st-key-card-log .log")).to_contain_text("notified of")
    press(page, "source-log")
    expect(page.locator(".st-key-card-log .log")).to_contain_text("relay")
    if size == "wide":
        seen.picture(f"operations-{language}")
    seen.check()


def test_the_relay_is_restarted_after_a_confirmation(visit: Open, own: Settings) -> None:
    pid = Supervisor(own).pid("relay")
    seen = visit(settings=own)
    page = seen.go("operations")
    press(page, "source-restart")
    press(page, "source-restart-now")
    expect(page.get_by_text("Restart: done, after")).to_be_visible()
    assert Supervisor(own).pid("relay") != pid
    seen.check()


def test_a_dead_letter_is_read_and_sent_again(visit: Open, own: Settings) -> None:
    seen = visit(settings=own)
    page = seen.go("operations")
    letters = page.locator(".st-key-card-letters")
    letters.get_by_role("button", name="1", exact=True).click()
    expect(letters.locator(".json")).to_contain_text("garbage")
    press(page, "requeue-one")
    press(page, "requeue-one-now")
    expect(page.get_by_text("1 requeued.")).to_be_visible()
    # What still cannot be processed comes back, as a letter of its own.
    until(lambda: len(_letters(own)) == 5, 30, "it came back")
    press(page, "requeue-all")
    press(page, "requeue-all-now")
    expect(page.get_by_text("3 requeued.")).to_be_visible()
    seen.check()


def test_a_command_is_corrected_and_a_dead_letter_is_discarded(visit: Open, own: Settings) -> None:
    waiting = [row.seq for row in _letters(own) if row.is_waiting]
    seen = visit(settings=own)
    page = seen.go("operations")
    letters = page.locator(".st-key-card-letters")
    letters.get_by_role("button", name=str(waiting[0]), exact=True).click()
    press(page, "discard-one")
    page.get_by_label("Why it needs no requeue").fill("made by a test")
    press(page, "discard-one-now")
    expect(page.get_by_text("1 discarded.")).to_be_visible()
    expect(letters.get_by_text("made by a test")).to_be_visible()
    until(lambda: waiting[0] not in [row.seq for row in _letters(own) if row.is_waiting], 30, "it no longer waits")
    seen.check()


def test_the_tables_are_reset_and_the_page_comes_back_and_says_so(visit: Open, own: Settings) -> None:
    seen = visit(settings=own)
    page = seen.go("operations")
    press(page, "reset")
    expect(page.get_by_role("dialog").get_by_text("Reset the tables?")).to_be_visible()
    press(page, "reset-now")
    expect(page.get_by_text("Reset of the tables ended at")).to_be_visible(timeout=RESET_MS)
    assert _letters(own) == []
    with Application(own, pool_size=1) as application, application.reading() as connection:
        assert queries.count_outbox(connection) == 0
    expect(page.get_by_text("None: every message could be processed")).to_be_visible()


def test_everything_is_reset_and_the_page_comes_back_and_says_so(visit: Open, own: Settings) -> None:
    page = visit(language="es-CO", settings=own).go("operations")
    press(page, "reset-all")
    press(page, "reset-all-now")
    expect(page.get_by_text("El reinicio de todo terminó a las")).to_be_visible(timeout=RESET_MS)
    assert Supervisor(own).running()
    assert end_to_end.run(own).ok


def _letters(settings: Settings) -> list[dead_letter_queries.DeadLetterRow]:
    with Application(settings, pool_size=1) as application, application.reading() as connection:
        return dead_letter_queries.dead_letters(connection)

"""The live page in headless Chromium, on a running stack: a command is issued and its way appears."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Page, expect

from application import Application
from scenarios import end_to_end, runner
from scenarios.waiting import until
from settings import Settings
from stacks import faults
from tests.browser.conftest import SIZES, Open
from tests.combining import rotate_combinations, sample_combinations

pytestmark = pytest.mark.browser

WORDS = {
    "en-US": {
        "calculate": "Calculate",
        "again": "Send again (duplicate)",
        "approve": "Approve",
        "load": "Load test",
        "start": "Start the load",
        "cancel": "Cancel",
        "how": "From a terminal",
        "refused": "Refused, nothing was written",
        "notified": "Notified after",
        "equal": "0 lost, 0 duplicated",
        "commands": "Commands",
        "rate": "Rate (per second)",
        "cancelled": "cancelled",
        "filter": "type, key or id",
        "pause": "Pause",
        "paused": r"Paused at \d\d:\d\d:\d\d; {n} newer messages",
        "topic": "Topic",
        "none": "No kept message matches. Of an id, the part that tables show is enough. Clear the filter to see all.",
        "nav": "Trace",
        "refresh": "Refresh the list",
    },
    "es-CO": {
        "calculate": "Calcular",
        "again": "Reenviar (duplicado)",
        "approve": "Aprobar",
        "load": "Prueba de carga",
        "start": "Iniciar la carga",
        "cancel": "Cancelar",
        "how": "Desde la terminal",
        "refused": "Rechazado, no se escribió nada",
        "notified": "Notificado tras",
        "equal": "0 perdidos, 0 duplicados",
        "commands": "Comandos",
        "rate": "Ritmo (por segundo)",
        "cancelled": "cancelada",
        "filter": "tipo, clave o id",
        "pause": "Pausa",
        "paused": r"En pausa desde las \d\d:\d\d:\d\d; {n} mensajes más nuevos",
        "topic": "Tópico",
        "none": "Ningún mensaje guardado coincide. De un id basta la parte que muestran las tablas. Borre el filtro para verlos todos.",
        "nav": "Traza",
        "refresh": "Actualizar la lista",
    },
}


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


@sample_combinations(size=SIZES, language=WORDS)
def test_a_command_is_answered_refused_the_second_time_and_approved(visit: Open, size: str, language: str) -> None:
    say = WORDS[language]
    seen = visit(size, language)
    page = seen.go()
    press(page, say["calculate"])
    expect(page.get_by_text(say["notified"])).to_be_visible()
    press(page, say["again"])
    expect(page.get_by_text(say["refused"])).to_be_visible()
    page.get_by_role("tab", name=say["approve"]).click()
    press(page, say["refresh"])
    expect(page.get_by_role("button", name=say["approve"], exact=True)).to_be_enabled()
    press(page, say["approve"])
    expect(page.locator(".answer").get_by_text("APPROVED")).to_be_visible()
    expect(page.locator(".st-key-card-database").get_by_text("CommissionApproved").first).to_be_visible()
    expect(page.locator(".st-key-card-feed").get_by_text("CommissionApproved").first).to_be_visible()
    expect(page.get_by_text(say["equal"])).to_be_visible()
    seen.check()


@pytest.mark.parametrize("language", WORDS)
def test_a_load_shows_its_progress_and_is_cancelled(visit: Open, language: str) -> None:
    say = WORDS[language]
    seen = visit("wide", language)
    page = seen.go()
    page.get_by_role("tab", name=say["load"]).click()
    page.get_by_role("spinbutton", name=say["commands"]).fill("5000")
    page.get_by_role("spinbutton", name=say["commands"]).press("Enter")
    press(page, say["start"])  # at once: the server has to take the number that is shown at the click
    for place in (".st-key-frame", ".stMain .st-key-card-form"):  # the header says it on every page
        expect(page.locator(place).get_by_text(re.compile(r"\b5[.,]000\b"))).to_be_visible()
    press(page, say["cancel"])
    expect(page.get_by_text(say["cancelled"])).to_be_visible()
    seen.check()


@rotate_combinations(size=SIZES, language=WORDS)
def test_the_feed_is_filtered_paused_and_read(visit: Open, paged: Settings, size: str, language: str) -> None:
    say = WORDS[language]
    sent = end_to_end.run(paged)
    seen = visit(size, language)
    page = seen.go()
    feed = page.locator(".st-key-card-feed")
    expect(feed.locator("tbody tr").first).to_be_visible()
    filter_ = page.get_by_placeholder(say["filter"])
    filter_.fill(sent.commission_id)
    filter_.press("Enter")
    expect(feed.locator("tbody tr")).to_have_count(2)
    feed.locator("button.pick").nth(1).click()
    expect(feed.locator("tr.picked")).to_have_count(1)
    expect(feed.locator(".json")).to_contain_text(sent.commission_id)
    filter_.fill("nothing-has-this-key")
    filter_.press("Enter")
    expect(feed.get_by_text(say["none"])).to_be_visible()
    filter_.fill("CommissionApproved")
    filter_.press("Enter")
    expect(feed.locator("tbody td:nth-child(2)").first).to_have_text("CommissionApproved")
    filter_.fill("")
    filter_.press("Enter")
    feed.get_by_text(say["pause"], exact=True).click()
    # The browser's switch is on before the server knows: it has paused when it says so.
    expect(feed.get_by_text(re.compile(say["paused"].format(n=0)))).to_be_visible()
    first = feed.locator("tbody tr").first.get_attribute("data-key")
    newer = end_to_end.run(paged)
    expect(feed.get_by_text(re.compile(say["paused"].format(n=2)))).to_be_visible()
    assert feed.locator("tbody tr").first.get_attribute("data-key") == first
    filter_.fill(newer.commission_id)
    filter_.press("Enter")
    expect(feed.get_by_text(say["none"])).to_be_visible()
    expect(feed.get_by_text(re.compile(say["paused"].format(n=2)))).to_be_visible()
    filter_.fill(sent.commission_id)
    filter_.press("Enter")
    expect(feed.locator("tbody tr")).to_have_count(2)
    expect(feed.locator("tbody td:last-child")).to_have_text(["1", "1"])
    filter_.fill("")
    filter_.press("Enter")
    expect(feed.locator("tbody tr").first).to_have_attribute("data-key", first or "")
    feed.get_by_text(say["pause"], exact=True).click()
    expect(feed.locator("tbody tr").first).not_to_have_attribute("data-key", first or "")
    feed.get_by_role("combobox").click()
    page.get_by_role("option", name="DLQ").click()
    expect(feed.get_by_text(say["none"])).to_be_visible()
    seen.check()


@pytest.mark.parametrize("path", ["", "latency", "scenarios", "guide"])
def test_an_idle_page_is_sent_nothing(visit: Open, paged: Settings, path: str) -> None:
    end_to_end.run(paged)
    seen = visit()
    frames: list[float] = []
    seen.page.on("websocket", lambda found: found.on("framereceived", lambda _: frames.append(time.monotonic())))
    page = seen.go(path)
    expect(page.locator(".stMain .alpes-live").last).to_be_visible()
    asked: list[float] = []
    page.on("requestfinished", lambda found: asked.append(time.monotonic()) if "/pulse" in found.url else None)

    def quiet() -> bool:
        """Three questions in a row were answered, and none of them had anything drawn: each waited two seconds for a change."""
        page.wait_for_timeout(100)
        return len(asked) >= 3 and (not frames or frames[-1] < asked[-3])

    until(quiet, 60, "the page is idle")
    before = len(frames)
    if path == "scenarios":
        runner.run(paged, "duplicate-command")
    else:
        end_to_end.run(paged)

    def drawn() -> bool:
        page.wait_for_timeout(100)
        return len(frames) > before

    until(drawn, 30, "it is drawn once something happens")


def test_a_browser_that_stood_still_shows_what_it_missed(visit: Open, paged: Settings) -> None:
    end_to_end.run(paged)
    seen = visit()
    page = seen.go()
    feed = page.locator(".st-key-card-feed")
    expect(feed.locator("tbody tr").first).to_be_visible()
    with ThreadPoolExecutor() as beside:
        sent = beside.submit(end_to_end.run, paged)
        page.evaluate("() => { const until = Date.now() + 6000; while (Date.now() < until); }")
        commission = sent.result().commission_id
    expect(feed.locator(f'[data-go="{commission}"]')).to_have_count(2)
    expect(feed.locator(".json")).to_contain_text(commission)
    seen.check()


@sample_combinations(size=SIZES, language=WORDS)
def test_every_action_shows_how_to_do_it_elsewhere(visit: Open, size: str, language: str) -> None:
    say = WORDS[language]
    seen = visit(size, language)
    page = seen.go()
    expect(page.locator(".st-key-card-database table").first).to_be_visible()
    for tab in (say["calculate"], say["approve"], say["load"]):
        page.get_by_role("tab", name=tab).click()
        popovers = page.get_by_role("button", name=re.compile(say["how"]))
        for place in range(popovers.count()):
            if not popovers.nth(place).is_visible():
                continue
            popovers.nth(place).click()
            expect(page.get_by_test_id("stPopoverBody").get_by_text("./alpes").first).to_be_visible()
            page.keyboard.press("Escape")
            expect(page.get_by_test_id("stPopoverBody")).to_be_hidden()
    seen.check()


def test_what_is_being_typed_and_where_one_has_scrolled_stay(visit: Open, paged: Settings) -> None:
    end_to_end.run(paged)
    page = visit().go()
    affiliate = page.get_by_role("textbox", name="Affiliate")
    affiliate.fill("half a na")
    card = page.locator(".st-key-card-feed")
    expect(card.locator(".json")).to_be_visible()
    card.evaluate("element => { element.scrollTop = 60 }")
    before = card.locator("tbody tr").first.get_attribute("data-key") or ""
    end_to_end.run(paged)
    expect(card.locator("tbody tr").first).not_to_have_attribute("data-key", before)
    assert affiliate.input_value() == "half a na"
    assert card.evaluate("element => element.scrollTop") == 60


def test_a_new_row_is_marked_and_the_others_are_the_same_elements(visit: Open, paged: Settings) -> None:
    end_to_end.run(paged)
    page = visit().go()
    rows = page.locator(".st-key-card-feed tbody tr")
    expect(rows.first).to_be_visible()
    rows.first.evaluate("row => { row.mine = true }")
    with page.expect_event("console", lambda message: message.text == "marked"):
        page.evaluate(
            """() => new MutationObserver((changes) => {
                 if (document.querySelector('.st-key-card-feed tr[data-new]')) console.log('marked');
               }).observe(document.querySelector('.st-key-card-feed'), {subtree: true, childList: true, attributes: true})"""
        )
        end_to_end.run(paged)
    assert page.evaluate("[...document.querySelectorAll('.st-key-card-feed tbody tr')].some((row) => row.mine)")


def test_the_page_can_be_used_by_keyboard(visit: Open) -> None:
    page = visit().go()
    page.get_by_role("textbox", name="Gross amount").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("250.00")
    page.keyboard.press("Enter")
    expect(page.locator(".answer").get_by_text("25.00 USD")).to_be_visible()
    link = page.locator(".answer a").last
    link.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/trace\?id="))


def test_ten_open_pages_add_no_subscription(visit: Open, paged: Settings) -> None:
    """Nothing of the page is connected to the broker: only its host's other parts are."""
    import psutil

    from stacks.supervisor import Supervisor

    for _ in range(10):
        visit().go()
    with Application(paged, pool_size=1):
        pid = Supervisor(paged).pid("dashboard")
    peers = [one.raddr for one in psutil.Process(pid).net_connections() if one.raddr and one.status == "ESTABLISHED"]
    assert paged.broker_port not in [peer.port for peer in peers]


@pytest.mark.native
def test_the_page_on_the_real_parts_and_one_kill(visit: Open, native_stack: Settings) -> None:
    seen = visit(settings=native_stack)
    page = seen.go()
    expect(page.locator(".stack")).to_contain_text(re.compile("NATIVE.*MySQL 8.*Debezium 1.9.7.*Pulsar 4.2"))
    press(page, "Calculate")
    expect(page.get_by_text("Notified after")).to_be_visible()
    faults.kill(native_stack, "database", hold_s=8)
    expect(page.get_by_text("database is down").first).to_be_visible()
    press(page, "Calculate")
    expect(page.get_by_text("Not written")).to_be_visible()
    assert page.locator(".st-key-card-database tbody tr").count() > 0, "the last that was read stays"
    expect(page.get_by_text("database is down").first).to_be_hidden(timeout=60_000)
    press(page, "Calculate")
    expect(page.get_by_text("Notified after")).to_be_visible(timeout=120_000)
    seen.check()

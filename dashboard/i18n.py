"""Texts, numbers and times in the reader's language. Knows no Streamlit: the frame says whose language it is.

Catalogues are gettext files (`locale/*/LC_MESSAGES/dashboard.po`), read as they are: no compiled file can disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import cache, lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

LOCALE = Path(__file__).parent / "locale"
LANGUAGES = {"en": "English", "es": "Español"}
SOURCE = "en"
"""The language that the texts are written in: it needs no catalogue."""
TRANSLATED = tuple(code for code in LANGUAGES if code != SOURCE)
DOMAIN = "dashboard"

_resolve: Callable[[], tuple[str, str | None]] = lambda: ("en", None)  # noqa: E731 — replaced by the frame


def use(resolve: Callable[[], tuple[str, str | None]]) -> None:
    """Say how the language of whoever is asking is found, and the browser's locale."""
    global _resolve
    _resolve = resolve


def warm() -> None:
    """Read the catalogues and how numbers are written, before a page asks for them."""
    for code in LANGUAGES:
        if code != SOURCE:
            _texts(code)
        format_decimal(1.5, locale=code)


def language() -> str:
    found = _resolve()[0]
    return found if found in LANGUAGES else "en"


def culture() -> str:
    """How numbers are written: as the browser's locale has it where it is of the language chosen (`es_CO`, `en_GB`)."""
    code, browser = language(), _resolve()[1]
    return _known(code, browser or code)


def chosen(browser: str | None, query: str | None) -> str:
    """The URL's language, else the browser's, else English; `es-CO` is Spanish."""
    for wish in (query, browser):
        code = (wish or "").lower().replace("_", "-").partition("-")[0]
        if code in LANGUAGES:
            return code
    return "en"


def _(message: str) -> str:
    """The message in the reader's language; English is the key."""
    code = language()
    return message if code == SOURCE else _texts(code).get(message, message)


def N_(message: str) -> str:  # noqa: N802 — gettext's name for a text that is translated where it is shown
    return message


@cache
def catalogue(code: str) -> Catalog:
    """The translations of one language of `TRANSLATED`."""
    with (LOCALE / code / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        return read_po(file, locale=code, domain=DOMAIN, abort_invalid=True)


@cache
def _texts(code: str) -> dict[str, str]:
    return {str(entry.id): str(entry.string) for entry in catalogue(code) if entry.id and entry.string}


@cache
def _known(code: str, browser: str) -> str:
    try:
        found = Locale.parse(browser.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return code
    return str(found) if found.language == code else code


def number(value: float | None, digits: int = 0) -> str:
    """`—` for what is not known."""
    if value is None:
        return "—"
    return _decimal(value, digits, culture())


@lru_cache(maxsize=4096)
def _decimal(value: float, digits: int, where: str) -> str:
    """A page draws hundreds of the same latencies again and again, and Babel takes a tenth of a millisecond for each."""
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return str(format_decimal(value, format=pattern, locale=where))


def milliseconds(value: float | None) -> str:
    """About three significant digits and the unit; seconds from ten thousand on."""
    if value is None:
        return "—"
    if abs(value) >= 10_000:
        return f"{number(value / 1000, 1)} s"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.01 or not size else 3
    return f"{number(value, digits)} ms"


def milliseconds_within(value: float, resolution: float) -> str:
    """No finer than the clocks it was read from: `< 1 ms`, where they know whole milliseconds."""
    return milliseconds(value) if value >= resolution else f"< {number(resolution, 0 if resolution >= 1 else 3)} ms"


def clock(at: datetime, zone: str | None = None) -> str:
    """Time of day with milliseconds, in the reader's zone; `at` is naive UTC, as the databases keep it."""
    return at.replace(tzinfo=UTC).astimezone(_zone(zone)).strftime("%H:%M:%S.%f")[:-3]


def instant(epoch_us: int, zone: str | None = None) -> str:
    return clock(datetime.fromtimestamp(epoch_us / 1e6, UTC).replace(tzinfo=None), zone)


@cache
def _zone(name: str | None) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None

"""Format texts, numbers and times in the visitor's language.

The module imports no Streamlit: `dashboard.frame` tells it how to find the visitor's language. The catalogues are
gettext files (`locale/*/LC_MESSAGES/dashboard.po`) that are read uncompiled, so no compiled copy can be out of date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache, lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime, format_skeleton
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, get_decimal_symbol, get_group_symbol

LOCALE = Path(__file__).parent / "locale"
LANGUAGES = {"en": "English", "es": "Español"}
SOURCE = "en"
"""The language of the texts in the code; it needs no catalogue."""
TRANSLATED = tuple(code for code in LANGUAGES if code != SOURCE)
DOMAIN = "dashboard"


@dataclass(frozen=True, slots=True)
class Visitor:
    """For whom a file is written after the page was drawn, when no session can be asked any more."""

    language: str
    locale: str | None
    """Of the browser."""
    zone: str | None
    """Name of the browser's time zone; None stands for the server's."""


_addressed: ContextVar[Visitor | None] = ContextVar("addressed", default=None)
_resolve: Callable[[], tuple[str, str | None]] = lambda: ("en", None)  # noqa: E731 — the frame replaces it


def use(resolve: Callable[[], tuple[str, str | None]]) -> None:
    """Set the function that returns the current visitor's language and the locale of their browser."""
    global _resolve
    _resolve = resolve


@contextmanager
def speaking_to(visitor: Visitor) -> Iterator[None]:
    """Use the language and the locale of this visitor in this thread until the end, and not those of the session."""
    token = _addressed.set(visitor)
    try:
        yield
    finally:
        _addressed.reset(token)


def current_visitor(zone: str | None) -> Visitor:
    """Return the visitor of this session; `zone` is the time zone of the browser."""
    return Visitor(language(), _find_speech()[1], zone)


def _find_speech() -> tuple[str, str | None]:
    visitor = _addressed.get()
    return _resolve() if visitor is None else (visitor.language, visitor.locale)


def warm() -> None:
    """Load the catalogues and the number formats before a page needs them."""
    for code in LANGUAGES:
        if code != SOURCE:
            _texts(code)
        format_decimal(1.5, locale=code)


def language() -> str:
    code = _find_speech()[0]
    return code if code in LANGUAGES else "en"


def culture() -> str:
    """Return the browser's locale for numbers (`es_CO`, `en_GB`) if it has the chosen language, else the language."""
    code, browser = language(), _find_speech()[1]
    return _find_culture(code, browser or code)


def chosen(browser: str | None, query: str | None) -> str:
    """Return the language of the URL, else of the browser, else English; `es-CO` counts as Spanish."""
    for wanted in (query, browser):
        code = (wanted or "").lower().replace("_", "-").partition("-")[0]
        if code in LANGUAGES:
            return code
    return "en"


def _(message: str) -> str:
    """Translate a message into the visitor's language; the English text is the key."""
    code = language()
    return message if code == SOURCE else _texts(code).get(message, message)


def N_(message: str) -> str:  # noqa: N802 — gettext's name; marks a text that is translated when it is shown
    return message


@cache
def catalogue(code: str) -> Catalog:
    """Return the translations into one of the languages in `TRANSLATED`."""
    with (LOCALE / code / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        return read_po(file, locale=code, domain=DOMAIN, abort_invalid=True)


@cache
def _texts(code: str) -> dict[str, str]:
    return {str(entry.id): str(entry.string) for entry in catalogue(code) if entry.id and entry.string}


@cache
def _find_culture(code: str, browser: str) -> str:
    try:
        locale = Locale.parse(browser.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return code
    return str(locale) if locale.language == code else code


def number(value: float | None, digits: int = 0) -> str:
    """Format a number; None, a value that is not known, becomes `—`."""
    if value is None:
        return "—"
    return _decimal(value, digits, culture())


@lru_cache(maxsize=4096)
def _decimal(value: float, digits: int, where: str) -> str:
    """Format a number, cached: pages repeat the same hundreds of latencies, and Babel takes 0.1 ms for each."""
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return str(format_decimal(value, format=pattern, locale=where))


def plain_decimal(text: str) -> str:
    """Return a number typed as the visitor's locale writes it in plain spelling: `1.000,50` becomes `1000.50` in Spanish.

    A text that is no such number is returned as it is; the domain refuses what it does not accept.
    """
    decimal, group = get_decimal_symbol(culture()), get_group_symbol(culture())
    spelling = rf"(-?\d{{1,3}}(?:{re.escape(group)}\d{{3}})+|-?\d+)(?:{re.escape(decimal)}(\d+))?"
    match = re.fullmatch(spelling, text, re.ASCII)
    if match is None:
        return text
    digits = match[1].replace(group, "")
    return f"{digits}.{match[2]}" if match[2] else digits


def milliseconds(value: float | None) -> str:
    """Format milliseconds with about three significant digits and the unit; from 1000 ms on as seconds.

    A thousands separator would be misread: `1.041 ms` is one millisecond to readers whose decimals have a point.
    """
    if value is None:
        return "—"
    size = abs(value)
    if size >= 999.5:
        return f"{number(value / 1000, 2 if size < 9_995 else 1)} s"
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.01 or not size else 3
    return f"{number(value, digits)} ms"


def milliseconds_within(value: float, resolution: float) -> str:
    """Format milliseconds no finer than the clock resolution: `< 1 ms` for a smaller value at a resolution of 1 ms."""
    return milliseconds(value) if value >= resolution else f"< {number(resolution, 0 if resolution >= 1 else 3)} ms"


def clock(at: datetime, zone: str | None = None) -> str:
    """Format a naive UTC time, as the databases store it: time of day with milliseconds, in the visitor's zone."""
    return at.replace(tzinfo=UTC).astimezone(_zone(zone)).strftime("%H:%M:%S.%f")[:-3]


def instant(epoch_us: int, zone: str | None = None) -> str:
    return clock(datetime.fromtimestamp(epoch_us / 1e6, UTC).replace(tzinfo=None), zone)


def date_time(at: float, zone: str | None = None) -> str:
    """Format seconds since the epoch: date, time and zone, as the visitor's locale writes them; UTC without a zone."""
    return str(format_datetime(datetime.fromtimestamp(at, UTC), "long", tzinfo=_zone(zone) or UTC, locale=culture()))


def day_and_time(at: datetime, zone: str | None = None) -> str:
    """Format a naive UTC time, as the databases store it: day, hour and minute, in the visitor's zone."""
    moment = at.replace(tzinfo=UTC).astimezone(_zone(zone))
    return f"{format_skeleton('MMMd', moment, tzinfo=moment.tzinfo, locale=culture())}, {moment:%H:%M}"


@cache
def _zone(name: str | None) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None

"""Generate values that software often handles wrongly: texts, numbers, nestings, bytes."""

from __future__ import annotations

from random import Random
from typing import Any

from fuzzing.json_text import Members, RawJson

LIMITS = (1, 3, 16, 32, 36, 64, 100, 255, 256, 512, 1000, 2000, 4096, 65_535, 65_536)
"""Lengths that are limits of columns, headers or buffers."""

STRANGE = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udc00\ud800",
    "a\udfffb",
    "\U0001f600",
    "\U0010ffff",
    "e\u0301",
    "\u00e9",
    "\u202eabc\u202c",
    "\u2066x\u2069",
    "\ufeff",
    "\ufffe",
    "a\ufffdb",
    "\u2028",
    "\x07\x1b[31m",
    "\x7f",
    "\r\nX-Injected: yes",
    "\n",
    "\t",
    "'; DROP TABLE outbox_event; --",
    '" OR 1=1',
    "%00",
    "%s%n",
    "{0.__class__}",
    "../../../../etc/passwd",
    "<script>alert(1)</script>",
    "NaN",
    "Infinity",
    "-0",
    "null",
    "true",
    "1e309",
    "١٢٣",
    "１２３",
    "1_000",
    "+5",
    " 5",
    "0x10",
    "US\u0044\u0000",
    "usd",
    "XXX",
    "2026-02-30T25:61:61",
    "ﷺ" * 30,
    "Z͑ͫ̓a",
)

NUMBERS = (
    *("NaN", "Infinity", "-Infinity", "-0", "0", "-1", "0.0", "-0.0", "1e400", "-1e400", "1e-400", "1E+2", "5e-324"),
    *("1e9999999999999", "1e-9999999999999", "1e9999999999999999999999", "0e99999999999999999999"),
    *("9007199254740993", "2147483648", "-2147483649", "9223372036854775807", "9223372036854775808"),
    *("-9223372036854775809", "999999999999999", "1000000000000000", "0.0000000000000000000001", "120.505"),
    *("01", "+1", ".5", "5.", "1_000", "0x10", "1e", "--1", "1.7976931348623157e308", "100000000000000000000000.5"),
    *("9" * 41, "9" * 400, "9" * 4301, "9" * 20_000, "0." + "3" * 5000, "1." + "0" * 100),
)

DEPTHS = (1, 2, 10, 50, 99, 100, 101, 200, 500, 900, 950, 980, 984, 988, 990, 992, 995, 1000, 1500, 2000)


def text(random: Random) -> str:
    """Return a strange text, or one whose length is a limit, one less or one more."""
    if random.random() < 0.6:
        return random.choice(STRANGE)
    length = random.choice(LIMITS) + random.choice((-1, 0, 1))
    return random.choice(("a", "é", "\U0001f600", "\x00", "7")) * length


def number(random: Random) -> RawJson:
    return RawJson(random.choice(NUMBERS))


def nesting(random: Random) -> RawJson:
    """Return nested arrays or objects, 1 to 2,000 deep; a few are not closed."""
    depth = random.choice(DEPTHS)
    if random.random() < 0.5:
        return RawJson("[" * depth + "]" * (depth if random.random() < 0.95 else depth - 1))
    return RawJson('{"a":' * depth + "1" + "}" * depth)


def value(random: Random) -> Any:
    """Return a JSON value of any type, most of which no field accepts."""
    kind = random.randrange(10)
    if kind < 4:
        return text(random)
    if kind < 7:
        return number(random)
    if kind == 7:
        return nesting(random)
    if kind == 8:
        return random.choice((None, True, False, [], {}, [None], [[]], ["a", 1], {"a": {"b": None}}, Members()))
    return Members([("a", 1), ("a", text(random)), ("", None)])


def traceparent(random: Random) -> str:
    """Return a W3C trace context, valid or damaged."""
    valid = f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-01"
    choices = (valid, valid.upper(), valid + "-extra", valid[:-1], "ff" + valid[2:], "00-" + "0" * 32 + "-" + "0" * 16)
    return random.choice((*choices, valid * 20, "a" * 64, "a" * 65, "a" * 100, text(random)))


def text_for_client(random: Random) -> str:
    """Return a text that the broker's client is able to send: without half surrogate pairs."""
    return text(random).encode("utf-8", "replace").decode("utf-8")


def garbage(random: Random) -> bytes:
    """Return bytes that are not a JSON object."""
    choices = (
        b"",
        b"null",
        b"0",
        b"[]",
        b"{}",
        b'""',
        b"true",
        b"{",
        b"\x00" * 8,
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b"\xc0\x80",
        b"\xf8\x88\x80\x80\x80",
        b'{"a":',
        b"[" * 100_000,
        b" " * 10_000,
        b"<xml/>",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    )
    return random.choice(choices) if random.random() < 0.6 else random.randbytes(random.randrange(1, 400))

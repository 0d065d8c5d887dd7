"""Changes to a JSON object, of its members and of its bytes. Each is named, so that a failure can say what was done."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from fuzzing import hostile
from fuzzing.json_text import Members, Written, encode

HUGE = (64 * 1024 - 200, 64 * 1024, 64 * 1024 + 1, 1_000_000, 4_900_000, 5_242_880, 6_000_000)
"""Bytes: about the API's limit, the envelope's limit and the broker's limit."""
HUGE_SHARE = 0.002


def mutated(random: Random, members: Members) -> tuple[str, bytes]:
    """What was done, and the bytes that came of it. About one in five hundred is huge."""
    if random.random() < HUGE_SHARE:
        name, _ = random.choice(members)
        return "huge", encode(members.changed(name, "x" * random.choice(HUGE)))
    names = []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        name, change = random.choice(_OF_MEMBERS)
        members = change(random, members)
        names.append(name)
    written = encode(members, escaped=random.random() < 0.7)
    if random.random() < 0.15:
        name, damage = random.choice(_OF_BYTES)
        written = damage(random, written)
        names.append(name)
    return "+".join(names), written


def _replaced(random: Random, members: Members) -> Members:
    if not members:
        return members
    name, _ = random.choice(members)
    return members.changed(name, hostile.value(random))


def _dropped(random: Random, members: Members) -> Members:
    return members.without(random.choice(members)[0]) if members else members


def _added(random: Random, members: Members) -> Members:
    name = random.choice(("extra", "__proto__", "command", "seq", hostile.text(random)[:300]))
    return Members([*members, (name, hostile.value(random))])


def _doubled(random: Random, members: Members) -> Members:
    if not members:
        return members
    name, value = random.choice(members)
    again = (name, value if random.random() < 0.3 else hostile.value(random))
    return Members([again, *members] if random.random() < 0.5 else [*members, again])


def _renamed(random: Random, members: Members) -> Members:
    if not members:
        return members
    old, _ = random.choice(members)
    new = random.choice((old.upper(), old.lower(), old + " ", "\ufeff" + old, old.replace("I", "İ"), old + "\x00", ""))
    return Members((new if name == old else name, value) for name, value in members)


def _wrong_type(random: Random, members: Members) -> Members:
    if not members:
        return members
    name, value = random.choice(members)
    others = ([value], Members([("value", value)]), Written("1"), True, None, str(value)[:1000] + " ")
    return members.changed(name, random.choice(others))


def _shuffled(random: Random, members: Members) -> Members:
    return Members(random.sample(members, len(members)))


_OF_MEMBERS: tuple[tuple[str, Callable[[Random, Members], Members]], ...] = (
    ("replaced", _replaced),
    ("replaced", _replaced),
    ("replaced", _replaced),
    ("dropped", _dropped),
    ("added", _added),
    ("doubled", _doubled),
    ("renamed", _renamed),
    ("wrong_type", _wrong_type),
    ("shuffled", _shuffled),
)


def _truncated(random: Random, written: bytes) -> bytes:
    return written[: random.randrange(len(written) + 1)]


def _flipped(random: Random, written: bytes) -> bytes:
    damaged = bytearray(written)
    for _ in range(random.randrange(1, 4)):
        if damaged:
            damaged[random.randrange(len(damaged))] = random.randrange(256)
    return bytes(damaged)


def _inserted(random: Random, written: bytes) -> bytes:
    at = random.randrange(len(written) + 1)
    what = random.choice(
        (b"\x00", b"\xff", b"\xed\xa0\x80", b"\xc3", b"\\u", b'"', b"}", b"/**/", b"\x0c", b"\xe2\x80\xae")
    )
    return written[:at] + what + written[at:]


def _in_other_encoding(random: Random, written: bytes) -> bytes:
    text = written.decode("utf-8", "replace")
    return text.encode(random.choice(("utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig")), "replace")


def _followed(random: Random, written: bytes) -> bytes:
    return written + random.choice((b"x", b"\x00", b"{}", b",", b"\n\n", written, b" " * 1000))


def _enclosed(random: Random, written: bytes) -> bytes:
    return random.choice((b"[%b]", b'{"schema":null,"payload":%b}', b'{"a":%b}', b'"%b"', b"\xef\xbb\xbf%b")) % written


_OF_BYTES: tuple[tuple[str, Callable[[Random, bytes], bytes]], ...] = (
    ("truncated", _truncated),
    ("flipped", _flipped),
    ("inserted", _inserted),
    ("other_encoding", _in_other_encoding),
    ("followed", _followed),
    ("enclosed", _enclosed),
)

"""Mutate a JSON object: its members and its bytes. Each mutation has a name, which a failure reports."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from fuzzing import hostile
from fuzzing.json_text import Members, RawJson, encode

HUGE = (64 * 1024 - 200, 64 * 1024, 64 * 1024 + 1, 1_000_000, 4_900_000, 5_242_880, 6_000_000)
"""Sizes in bytes around the limits of the API, the envelope and the broker."""
HUGE_SHARE = 0.002


def mutate(random: Random, members: Members) -> tuple[str, bytes]:
    """Return the names of the mutations and the resulting bytes. About one in five hundred is huge."""
    if random.random() < HUGE_SHARE:
        name, _ = random.choice(members)
        return "huge", encode(members.with_member(name, "x" * random.choice(HUGE)))
    names = []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        name, change = random.choice(_MEMBER_MUTATIONS)
        members = change(random, members)
        names.append(name)
    encoded = encode(members, escaped=random.random() < 0.7)
    if random.random() < 0.15:
        name, damage = random.choice(_BYTE_MUTATIONS)
        encoded = damage(random, encoded)
        names.append(name)
    return "+".join(names), encoded


def _replace(random: Random, members: Members) -> Members:
    if not members:
        return members
    name, _ = random.choice(members)
    return members.with_member(name, hostile.value(random))


def _drop(random: Random, members: Members) -> Members:
    return members.without(random.choice(members)[0]) if members else members


def _add(random: Random, members: Members) -> Members:
    name = random.choice(("extra", "__proto__", "command", "seq", hostile.text(random)[:300]))
    return Members([*members, (name, hostile.value(random))])


def _duplicate(random: Random, members: Members) -> Members:
    if not members:
        return members
    name, value = random.choice(members)
    duplicate = (name, value if random.random() < 0.3 else hostile.value(random))
    return Members([duplicate, *members] if random.random() < 0.5 else [*members, duplicate])


def _rename(random: Random, members: Members) -> Members:
    if not members:
        return members
    old, _ = random.choice(members)
    new = random.choice((old.upper(), old.lower(), old + " ", "\ufeff" + old, old.replace("I", "İ"), old + "\x00", ""))
    return Members((new if name == old else name, value) for name, value in members)


def _change_type(random: Random, members: Members) -> Members:
    if not members:
        return members
    name, value = random.choice(members)
    replacements = ([value], Members([("value", value)]), RawJson("1"), True, None, str(value)[:1000] + " ")
    return members.with_member(name, random.choice(replacements))


def _shuffle(random: Random, members: Members) -> Members:
    return Members(random.sample(members, len(members)))


_MEMBER_MUTATIONS: tuple[tuple[str, Callable[[Random, Members], Members]], ...] = (
    ("replaced", _replace),
    ("replaced", _replace),
    ("replaced", _replace),
    ("dropped", _drop),
    ("added", _add),
    ("doubled", _duplicate),
    ("renamed", _rename),
    ("wrong_type", _change_type),
    ("shuffled", _shuffle),
)


def _truncate(random: Random, written: bytes) -> bytes:
    return written[: random.randrange(len(written) + 1)]


def _flip(random: Random, written: bytes) -> bytes:
    damaged = bytearray(written)
    for _ in range(random.randrange(1, 4)):
        if damaged:
            damaged[random.randrange(len(damaged))] = random.randrange(256)
    return bytes(damaged)


def _insert(random: Random, written: bytes) -> bytes:
    position = random.randrange(len(written) + 1)
    extra = random.choice(
        (b"\x00", b"\xff", b"\xed\xa0\x80", b"\xc3", b"\\u", b'"', b"}", b"/**/", b"\x0c", b"\xe2\x80\xae")
    )
    return written[:position] + extra + written[position:]


def _change_encoding(random: Random, written: bytes) -> bytes:
    text = written.decode("utf-8", "replace")
    return text.encode(random.choice(("utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig")), "replace")


def _append(random: Random, written: bytes) -> bytes:
    return written + random.choice((b"x", b"\x00", b"{}", b",", b"\n\n", written, b" " * 1000))


def _enclose(random: Random, written: bytes) -> bytes:
    return random.choice((b"[%b]", b'{"schema":null,"payload":%b}', b'{"a":%b}', b'"%b"', b"\xef\xbb\xbf%b")) % written


_BYTE_MUTATIONS: tuple[tuple[str, Callable[[Random, bytes], bytes]], ...] = (
    ("truncated", _truncate),
    ("flipped", _flip),
    ("inserted", _insert),
    ("other_encoding", _change_encoding),
    ("followed", _append),
    ("enclosed", _enclose),
)

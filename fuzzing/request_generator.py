"""Generate HTTP requests: invalid commands, and commands with an invalid header, path or framing."""

from __future__ import annotations

from random import Random
from urllib.parse import quote_from_bytes

from fuzzing import hostile
from fuzzing.inputs import COMMISSION, Request, Tag
from fuzzing.json_text import Members, encode
from fuzzing.mutations import mutate

JSON = ((b"Content-Type", b"application/json"),)
CALCULATE, APPROVE = b"/commissions/calculate", b"/commissions/approve"


def calculation(random: Random, tag: Tag) -> Members:
    """Return the body of a valid command."""
    return Members(
        [
            ("conversionId", tag.conversion_id),
            ("affiliateId", f"aff-{random.randint(1, 5)}"),
            ("campaignId", f"cmp-{random.randint(1, 3)}"),
            ("grossAmount", f"{random.randint(100, 99_999) / 100:.2f}"),
            ("currency", random.choice(("USD", "EUR", "COP"))),
        ]
    )


def good_request(random: Random, tag: Tag) -> Request:
    if random.random() < 0.2:
        body = encode(Members([("commissionId", COMMISSION)]))
        return Request(tag, "approve", True, target=APPROVE, body=body)
    return calculate(random, tag)


def calculate(random: Random, tag: Tag) -> Request:
    """Return a valid calculation."""
    headers = (*JSON, (b"X-Correlation-Id", tag.correlation_id.encode()))
    return Request(tag, "calculate", True, headers=headers, body=encode(calculation(random, tag)))


def hostile_request(random: Random, tag: Tag) -> Request:
    make = random.choice((_body, _body, _body, _body, _approval, _header, _path, _query, _malformed, _not_json))
    return make(random, tag)


def _body(random: Random, tag: Tag) -> Request:
    name, body = mutate(random, calculation(random, tag))
    return Request(tag, f"calculate:{name}", body=body)


def _approval(random: Random, tag: Tag) -> Request:
    commission = random.choice((COMMISSION, tag.aggregate_id))
    name, body = mutate(random, Members([("commissionId", commission)]))
    return Request(tag, f"approve:{name}", target=APPROVE, body=body)


def _not_json(random: Random, tag: Tag) -> Request:
    kinds = (
        b"text/plain",
        b"",
        b"application/xml",
        b"application/json; charset=utf-16",
        b"APPLICATION/JSON",
        b"a" * 5000,
    )
    headers = ((b"Content-Type", random.choice((*kinds, b"application/json"))),)
    return Request(
        tag,
        "calculate:garbage",
        target=random.choice((CALCULATE, APPROVE)),
        headers=headers,
        body=hostile.garbage(random),
    )


def _header(random: Random, tag: Tag) -> Request:
    """Return a valid command with a hostile header."""
    name, value = random.choice(_HEADERS)(random)
    body = encode(calculation(random, tag))
    return Request(tag, f"header:{name.decode('latin-1')[:30]}", headers=(*JSON, (name, value)), body=body)


def _line(text: str) -> bytes:
    """Return the text without the characters that end a header: those belong to the kind `malformed`."""
    return text.encode("utf-8", "surrogatepass").replace(b"\r", b"").replace(b"\n", b"").replace(b"\x00", b"")


_HEADERS = (
    lambda random: (b"traceparent", _line(hostile.traceparent(random))),
    lambda random: (b"traceparent", _line(hostile.traceparent(random))),
    lambda random: (b"X-Correlation-Id", _line(hostile.text(random))[:7000]),
    lambda random: (b"X-Correlation-Id", _line(hostile.text(random))[:7000]),
    lambda random: (b"Host", random.choice((b"evil.example", b"", b"127.0.0.1:1", b"a" * 300, b"[::1", b"\xff"))),
    lambda random: (b"Origin", random.choice((b"http://evil.example", b"null", b"http://127.0.0.1:1"))),
    lambda random: (
        b"Authorization",
        random.choice((b"Bearer x", b"Bearer ", b"Basic !", b"Bearer \xff", b"a" * 4000)),
    ),
    lambda random: (b"X-Forwarded-For", random.choice((b"10.0.0.1", b"::1, ,", b"a" * 1000, b"127.0.0.1"))),
    lambda random: (b"Content-Encoding", random.choice((b"gzip", b"br", b"identity", b"x"))),
    lambda random: (b"Expect", random.choice((b"100-continue", b"200-ok"))),
    lambda random: (b"Accept", random.choice((b"text/html", b"*/*;q=x", b"\xff", b"a" * 3000))),
    lambda random: (b"Upgrade", random.choice((b"websocket", b"h2c"))),
    lambda random: (b"Cookie", b"a=" + b"b" * random.choice((10, 4000, 7000))),
    lambda random: (
        b"X-" + random.randbytes(4).hex().encode() * random.choice((1, 100)),
        _line(hostile.text(random))[:7000],
    ),
)


def _path(random: Random, tag: Tag) -> Request:
    methods = (b"GET", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"HEAD", b"POST", b"TRACE", b"QUERY", b"GETX" * 5)
    target = random.choice(_TARGETS)
    if random.random() < 0.3:
        target = b"/" + quote_from_bytes(random.randbytes(random.choice((1, 5, 60)))).encode()
    body = encode(calculation(random, tag)) if random.random() < 0.3 and target not in (CALCULATE, APPROVE) else b""
    return Request(tag, "path", method=random.choice(methods), target=target, headers=JSON, body=body)


_TARGETS = (
    b"/",
    b"//",
    b"/commissions",
    b"/commissions/calculate/",
    b"/commissions/calculate?x=%ff",
    b"/COMMISSIONS/CALCULATE",
    b"/commissions/../commissions/approve",
    b"/commissions/by-conversion/",
    b"/commissions/by-conversion/%00",
    b"/commissions/by-conversion/or%2Fder",
    b"/commissions/by-conversion/..%2f..%2fetc%2fpasswd",
    b"/control/parts/api/kill",
    b"/control/scenarios",
    b"/control/runs/..%2f..%2f..%2fetc",
    b"/openapi.json",
    b"/docs?url=javascript:alert(1)",
    b"/health",
    b"/ready",
    b"/%",
    b"/%zz",
    b"/\xff\xfe",
    b"/" + b"a" * 8000,
    b"/" + b"a/" * 3000,
    b"http://evil.example/commissions/calculate",
    b"*",
    b"evil.example:443",
    b"/?" + b"a=b&" * 1500,
)


def _query(random: Random, tag: Tag) -> Request:
    text = hostile.text(random).encode("utf-8", "surrogatepass")[:2000]
    text = random.choice((text, tag.conversion_id.encode(), COMMISSION.encode()))
    return Request(
        tag, "query", method=b"GET", target=b"/commissions/by-conversion/" + quote_from_bytes(text).encode(), headers=()
    )


def _malformed(random: Random, tag: Tag) -> Request:
    """Return bytes that break the rules of HTTP; either side closes the connection afterwards."""
    kind = random.randrange(10)
    if kind == 0:
        raw = random.randbytes(random.randrange(1, 2000))
    elif kind == 1:
        raw = _START[: random.randrange(1, len(_START))]
    else:
        raw = random.choice(_BROKEN) + encode(calculation(random, tag))
    return Request(tag, "malformed", raw=raw)


_START = b"POST /commissions/calculate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_BROKEN = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /health\r\n\r\n",
    b"GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\nHost: x\n\n",
    b"POST /commissions/calculate HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    _START + b"Content-Length: -1\r\n\r\n",
    _START + b"Content-Length: 9999999999999999999999\r\n\r\n",
    _START + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    _START + b"Content-Length: 500\r\n\r\n",
    _START + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    _START + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
    _START + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % 2**70,
    _START + b"Transfer-Encoding: gzip\r\n\r\n",
    _START + b"X: a\r\n b\r\n\x00: y\r\n\r\n",
    _START + b"X" + b"y" * 100_000 + b": z\r\n\r\n",
    _START + b"".join(b"X-%d: y\r\n" % number for number in range(3000)) + b"\r\n",
    _START + b"no colon\r\n\r\n",
)

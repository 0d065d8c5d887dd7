"""Rewrite the broker's address in its answers to lookups, so that Pulsar's clients come back through the proxy.

A client asks the broker where a topic is served, and connects to the address of the answer. Frames of Pulsar's binary
protocol are `total size, command size, command, rest`, both sizes with 4 bytes; a command is the protobuf message
`BaseCommand` of PulsarApi.proto. Only the lookup's answer is read; all other frames pass as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

LOOKUP_RESPONSE = 24
"""Both the type of the command (field 1 of `BaseCommand`) and the number of its field."""
URL_FIELDS = (1, 2)
"""brokerServiceUrl and brokerServiceUrlTls of `CommandLookupTopicResponse`."""
VARINT, BYTES = 0, 2
SMALLEST_SIZE, LARGEST_SIZE = 4, 128 * 1024 * 1024


class Rewriter:
    """The frames of one connection from the broker to a client."""

    def __init__(self, url: str) -> None:
        self._url = url.encode()
        self._buffer = b""
        self._is_pulsar = True

    def feed(self, chunk: bytes) -> bytes:
        """Return the complete frames so far, rewritten. Bytes that are no frames pass as they are."""
        if not self._is_pulsar:
            return chunk
        self._buffer += chunk
        complete: list[bytes] = []
        while len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4], "big")
            if not SMALLEST_SIZE <= size <= LARGEST_SIZE:
                self._is_pulsar = False
                complete.append(self._buffer)
                self._buffer = b""
                break
            if len(self._buffer) < 4 + size:
                break
            complete.append(_rewrite_frame(self._buffer[: 4 + size], self._url))
            self._buffer = self._buffer[4 + size :]
        return b"".join(complete)


def _rewrite_frame(frame: bytes, url: bytes) -> bytes:
    command_size = int.from_bytes(frame[4:8], "big")
    command, rest = frame[8 : 8 + command_size], frame[8 + command_size :]
    if not command.startswith(bytes([VARINT | 1 << 3, LOOKUP_RESPONSE])):  # the type is written first
        return frame
    rewritten = b"".join(
        encode_bytes(number, _rewrite_response(value, url)) if number == LOOKUP_RESPONSE and kind == BYTES else raw
        for number, kind, value, raw in _fields(command)
    )
    size = len(rewritten).to_bytes(4, "big")
    return (4 + len(rewritten) + len(rest)).to_bytes(4, "big") + size + rewritten + rest


def _rewrite_response(response: bytes, url: bytes) -> bytes:
    return b"".join(
        encode_bytes(number, url) if number in URL_FIELDS and kind == BYTES and value else raw
        for number, kind, value, raw in _fields(response)
    )


def _fields(message: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield number, wire type, value (of length-delimited fields only) and raw bytes of each field."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _read_varint(message, at)
        kind, value = tag & 7, b""
        if kind == VARINT:
            _, at = _read_varint(message, at)
        elif kind == BYTES:
            length, at = _read_varint(message, at)
            value, at = message[at : at + length], at + length
        else:
            at += 8 if kind == 1 else 4
        yield tag >> 3, kind, value, message[start:at]


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            break
    return value, at


def encode_bytes(number: int, value: bytes) -> bytes:
    """Encode a length-delimited field."""
    return _encode_varint(number << 3 | BYTES) + _encode_varint(len(value)) + value


def _encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(encoded) + bytes([value])

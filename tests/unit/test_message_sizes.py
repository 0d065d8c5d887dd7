"""Test that the broker accepts the message of every row that MySQL accepts."""

from __future__ import annotations

import json

from connectors import envelope
from domain import contract
from stacks import message_sizes
from stacks.native import limits, mysql, pulsar
from tests.builders import record


def test_the_broker_accepts_the_message_of_every_row_of_mysql() -> None:
    assert limits.message_bytes(limits.MYSQL_PACKET_BYTES) <= limits.BROKER_MESSAGE_BYTES < limits.BOOKIE_FRAME_BYTES
    assert message_sizes.advise(limits.MYSQL_PACKET_BYTES, limits.BROKER_MESSAGE_BYTES) is None
    assert f"--max-allowed-packet={limits.MYSQL_PACKET_BYTES}" in mysql.SERVER
    written = pulsar.configuration("standalone.conf", {})
    assert f"maxMessageSize={limits.BROKER_MESSAGE_BYTES}\n" in written
    assert f"nettyMaxFrameSizeBytes={limits.BOOKIE_FRAME_BYTES}\n" in written


def test_no_stored_byte_needs_more_bytes_in_a_message() -> None:
    for character in [chr(code) for code in range(1, 128)] + ["é", "\u2028", "😀"]:
        text = json.dumps(character * 1000)
        spelled = text if character < " " else json.dumps(character * 1000, ensure_ascii=False)
        small, large = (envelope.encode(record(payload=payload), 1)[1] for payload in ('""', spelled))
        assert len(large) - len(small) <= limits.GROWTH * len((character * 1000).encode())


def test_a_row_that_keeps_the_contract_fits_the_default_limit_of_a_broker() -> None:
    payload = json.dumps("\\" * ((contract.PAYLOAD_BYTES - 2) // 2))
    largest = record(payload=payload, correlation_id="é" * 64, type="é" * 64)
    assert len(envelope.encode(largest, 1)[1]) <= contract.MESSAGE_BYTES < 5 * 1024 * 1024


def test_a_broker_with_a_smaller_limit_than_its_database_is_refused_with_advice() -> None:
    advice = message_sizes.advise(67_108_864, 5_242_880)
    assert advice is not None
    assert "maxMessageSize and its bookies' nettyMaxFrameSizeBytes to 469827584" in advice
    fitting = int(advice.partition("at most ")[2].partition(",")[0])
    assert message_sizes.advise(fitting, 5_242_880) is None
    assert message_sizes.advise(fitting + 1024, 5_242_880) is not None

"""Test the English templates that each package registers: its codes are its own, and each text reads as a sentence."""

from __future__ import annotations

import re

import pytest

import connectors.messages
import dashboard.view_models.messages
import db.messages
import domain.messages
import stacks.messages
from domain.message import Message, places, registered

TEMPLATES = {
    "connectors": (connectors.messages.ADMIN, {"admin"}),
    "dashboard": (dashboard.view_models.messages.PAGE, {"page", "incident"}),
    "db": (db.messages.FAILURES, {"database"}),
    "domain": (domain.messages.FIELDS, {"field"}),
    "stacks": (stacks.messages.HEALTH | stacks.messages.OPERATIONS, {"health", "requeue"}),
}


@pytest.mark.parametrize("package", TEMPLATES)
def test_the_codes_of_a_package_have_its_prefixes_and_are_registered(package: str) -> None:
    templates, prefixes = TEMPLATES[package]
    assert {code.partition(".")[0] for code in templates} == prefixes
    assert {code: registered()[code] for code in templates} == templates
    foreign = {code for code in registered() if code.partition(".")[0] in prefixes}
    assert foreign == templates.keys()


@pytest.mark.parametrize("package", TEMPLATES)
def test_a_text_has_no_loose_ends(package: str) -> None:
    for code, template in TEMPLATES[package][0].items():
        text = str(Message(code, **dict.fromkeys(places(template), "X")))
        assert not re.search(r"[{}]|  |^ | $|[.,:]$", text), (code, text)


def test_a_failure_of_the_database_says_what_is_written_or_what_to_do() -> None:
    """Each of them ends a command or a page: whoever reads it must know whether to send again."""
    cures = ("try again", "nothing was written", "`./alpes up`", "ALPES_", "{why}")
    assert [text for text in db.messages.FAILURES.values() if not any(cure in text for cure in cures)] == []


def test_every_refusal_of_a_value_begins_so_that_it_can_follow_the_fields_name() -> None:
    beginnings = ("is ", "must ", "may ", "{code} has ", "{field}: ")
    assert [text for text in domain.messages.FIELDS.values() if not text.startswith(beginnings)] == []

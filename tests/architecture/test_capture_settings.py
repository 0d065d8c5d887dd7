"""docs/capture.md judges each setting of the committed source, and no other."""

from __future__ import annotations

import json
import re

from connectors.source import TEMPLATE
from settings.model import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "capture.md"


def test_each_setting_of_the_source_is_judged() -> None:
    text = DOCUMENT.read_text(encoding="utf-8").partition("Not set:")[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    judged = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(set(judged)) == len(judged)
    assert set(judged) == set(json.loads(TEMPLATE.read_text(encoding="utf-8"))["configs"])

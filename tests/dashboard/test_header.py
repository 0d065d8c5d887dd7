"""The header: one pill for the health of all components, which opens the list, and what runs outside the pages."""

from __future__ import annotations

import pytest

from dashboard.components import lights
from dashboard.view_models.snapshot import HealthState
from domain.message import Message
from stacks.part_health import Light, PartHealth


def part(name: str, light: Light = "ok", code: str = "health.at_work", **values: str | int) -> PartHealth:
    return PartHealth(name, light, Message(code, **values) if values else Message("health.at_work"))


def pill(*parts: PartHealth) -> str:
    html = str(lights.header("embedded", HealthState(1, parts, versions={"database": "SQLite 3"}), "Live"))
    return html[html.index("<summary") : html.index("</summary>")]


DOWN = {"light": "down", "code": "health.silent", "s": 7}


@pytest.mark.parametrize(
    ("parts", "shown", "light"),
    [
        ((part("database"), part("relay")), "All healthy", "ok"),
        ((part("database"), part("relay", "behind", "health.behind", n=3)), "relay: 3 behind", "behind"),
        (
            (part("relay", "behind", "health.behind", n=3), part("audit", "behind", "health.behind", n=1)),
            "2 behind or waiting",
            "behind",
        ),
        ((part("broker", **DOWN), part("relay", "behind", "health.behind", n=3)), "broker down", "down"),  # type: ignore[arg-type]
        (tuple(part(name, **DOWN) for name in ("broker", "relay", "audit")), "broker, relay down +1", "down"),  # type: ignore[arg-type]
    ],
)
def test_the_pill_says_what_is_worst(parts: tuple[PartHealth, ...], shown: str, light: str) -> None:
    html = pill(*parts)
    assert shown in html
    assert f'class="chip {light}"' in html
    assert "bad" not in html, "red is for events that are lost"


def test_the_list_has_every_component_with_its_message_and_the_stack() -> None:
    html = str(lights.header("embedded", HealthState(1, (part("database"), part("broker", **DOWN))), "Live"))  # type: ignore[arg-type]
    assert html.count("<li>") == 2
    assert "no heartbeat for 7 s" in html
    assert "EMBEDDED" in html


def test_what_runs_outside_the_page_stands_beside_it() -> None:
    html = str(lights.header("embedded", HealthState(), "Live", ("Load 12/200", "kill-<broker> 3 s")))
    assert "Load 12/200" in html
    assert "kill-&lt;broker&gt; 3 s" in html
    assert "Checking components…" in html

"""Draw sampled stacks as a flame graph: SVG that needs no script. This module is pure.

The format is Brendan Gregg's (https://www.brendangregg.com/flamegraphs.html): a row for each depth of the stack, the outermost
function below, and the width of a function is its share of the samples. py-spy can draw one too, which needs a script and shows
the frames of `supervisord` below those of each component.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

WIDTH, ROW, TOP, LEGEND = 1200, 17, 44, 26
LEAST_WIDTH = 1.0
"""Functions that would be narrower are left out, with those that they called."""
CHARACTER = 6.3
"""Average width of a character, to shorten a name that does not fit."""
OWN, LIBRARY, STANDARD = "a", "b", "c"
LABELS = {OWN: "this program", LIBRARY: "libraries", STANDARD: "Python's standard library"}
STYLE = (
    "text{font:11px system-ui,sans-serif;fill:#1f2933}.t{font-size:14px}.a{fill:#8fb8e8}.b{fill:#f2c48d}.c{fill:#cfd4d9}rect{stroke:#fff;"
    "stroke-width:.5}@media(prefers-color-scheme:dark){text{fill:#e6e9ec}.a{fill:#2f5d94}.b{fill:#8a5a1f}.c{fill:#4a525a}rect{stroke:#15191d}}"
)


@dataclass(slots=True)
class _Node:
    samples: int = 0
    called: dict[str, _Node] = field(default_factory=dict)

    def depth(self) -> int:
        return 1 + max((node.depth() for node in self.called.values()), default=0)


def draw(title: str, stacks: Mapping[tuple[str, ...], int], own_packages: frozenset[str]) -> str:
    """Return the drawing of at least one stack. Its colours tell whose code it is, and follow the light or dark scheme."""
    root = _build(stacks)
    rows = root.depth() - 1
    height = TOP + rows * ROW + LEGEND
    parts = [f'<text class="t" x="0" y="18">{escape(title)}</text>']
    parts += _draw_called(root, 0.0, WIDTH / root.samples, TOP + (rows - 1) * ROW, own_packages)
    parts += _draw_legend(height - 8)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _build(stacks: Mapping[tuple[str, ...], int]) -> _Node:
    root = _Node()
    for stack, samples in stacks.items():
        node = root
        node.samples += samples
        for frame in stack:
            node = node.called.setdefault(frame, _Node())
            node.samples += samples
    return root


def _draw_called(
    caller: _Node, left: float, scale: float, y: float, own_packages: frozenset[str], total: int = 0
) -> Iterator[str]:
    total = total or caller.samples
    for frame, node in sorted(caller.called.items()):
        width = node.samples * scale
        if width >= LEAST_WIDTH:
            yield _draw_frame(frame, node.samples / total, left, width, y, classify(frame, own_packages))
            yield from _draw_called(node, left, scale, y - ROW, own_packages, total)
        left += width


def _draw_frame(frame: str, share: float, left: float, width: float, y: float, style: str) -> str:
    name = frame.partition(" (")[0]
    letters = int((width - 4) / CHARACTER)
    label = name if len(name) <= letters else f"{name[: letters - 1]}…" if letters > 2 else ""
    text = f'<text x="{left + 2:.1f}" y="{y + ROW - 5:.1f}">{escape(label)}</text>' if label else ""
    return (
        f'<g><title>{escape(frame)}: {share:.1%}</title><rect class="{style}" x="{left:.1f}" y="{y:.1f}" width="{width:.1f}"'
        f' height="{ROW}"/>{text}</g>'
    )


def _draw_legend(y: float) -> Iterator[str]:
    for number, (style, label) in enumerate(LABELS.items()):
        x = number * 170
        yield f'<rect class="{style}" x="{x}" y="{y - 10}" width="12" height="12"/><text x="{x + 18}" y="{y}">{label}</text>'


def classify(frame: str, own_packages: frozenset[str]) -> str:
    """Return whose code a frame `function (file:line)` is: `OWN`, `LIBRARY` or `STANDARD`."""
    file = frame.rpartition("(")[2]
    package = file.partition("/")[0].partition(".py")[0]
    if package in own_packages:
        return OWN
    return STANDARD if file.startswith("<") or package in sys.stdlib_module_names else LIBRARY

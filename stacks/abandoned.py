"""Stop and remove a private instance whose owner process was killed: `python -m stacks.abandoned`."""

from __future__ import annotations

from settings import load
from stacks import instance
from telemetry import logs


def main() -> None:
    settings = load()
    logs.configure(settings, "abandoned")
    instance.down(settings, lambda _: None)
    instance.remove(settings)


if __name__ == "__main__":
    main()

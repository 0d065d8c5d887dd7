"""`python -m stacks.abandoned`: the process whose private instance this is was killed; stop everything and remove it."""

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

"""Check the stages of the Dockerfile by its instructions. hadolint checks their style."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from settings.model import PINNED_NAR, REPOSITORY, SEED_NAR
from stacks.compose import model
from stacks.compose.checks.check import Check, judge
from stacks.compose.checks.rules import PINNED
from stacks.native import pulsar
from stacks.native.artifacts import list_groups


@dataclass(slots=True)
class Stage:
    name: str
    base: str
    lines: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [rest for word, rest in self.lines if word == instruction]


def read() -> dict[str, Stage]:
    text = re.sub(r"^\s*#.*\n", "", (REPOSITORY / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    stages: dict[str, Stage] = {}
    stage = None
    for line in re.sub(r"\\\n", " ", text).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stage = stages[name] = Stage(name, base)
        elif word and stage is not None:
            stage.lines.append((word, rest.strip()))
    return stages


def check_stages() -> Check:
    stages = read()
    wrong = [
        f"{stage.name} is from {stage.base}, which is not pinned"
        for stage in stages.values()
        if stage.base not in stages and not PINNED.fullmatch(stage.base)
    ]
    for name in ("alpes", "pulsar"):
        users = stages[name].all("USER")
        if not users or users[-1].startswith(("0", "root")):
            wrong.append(f"{name} ends as root")
    if stages["pulsar"].base != f"apachepulsar/pulsar:{pulsar.VERSION}":
        wrong.append(f"the broker is from {stages['pulsar'].base}, native runs {pulsar.VERSION}")
    targets = {values["build"]["target"] for values in model.demo()["services"].values() if "build" in values}
    wrong += [f"target {target} is no stage" for target in sorted(targets - set(stages))]
    return judge("the Dockerfile's stages are pinned and end unprivileged", wrong, ", ".join(stages))


def check_connectors() -> Check:
    steps = " ".join(read()["artifacts"].all("RUN"))
    wanted = {f"nar-{SEED_NAR}", f"nar-{PINNED_NAR}", "byteman"}
    wrong = [f"{name} is not downloaded" for name in sorted(wanted) if name not in steps]
    wrong += [f"{name} is not locked" for name in sorted(wanted - set(list_groups()))]
    if "./alpes download" not in steps:
        wrong.append("they are not downloaded by the project's lock file")
    return judge("the connectors are downloaded by the lock of artifacts", wrong, ", ".join(sorted(wanted)))


def check_packages() -> Check:
    steps = " ".join(read()["environment"].all("RUN"))
    needed = ("--require-hashes", "--only-binary=:all:", "-r requirements/runtime.txt")
    wrong = [f"{word} is missing" for word in needed if word not in steps]
    text = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    wrong += [f"it names {word}" for word in ("http://", "https://", "--index-url", "curl ", "wget ") if word in text]
    return judge("packages are installed by their hashes", wrong, "from requirements/runtime.txt; no address is named")

"""The verbs of the command line: the module of each, which is imported when the verb is used, and its line in the help.

So `./alpes --help` and quick verbs do not wait for the libraries of the others.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import typer
from typer.core import TyperGroup

VERBS = {
    "up": ("lifecycle", "Start every component and wait until all are healthy. Ctrl-C stops them."),
    "down": ("lifecycle", "Stop every process of an instance. Its data stays; `./alpes clean` removes it."),
    "status": ("lifecycle", "Print the health of every component: whether it answers and how large its lag is."),
    "doctor": ("lifecycle", "Print what this machine lacks for each stack, with the command that fixes it."),
    "logs": ("lifecycle", "Print the log of a component. Without a name, list the logs."),
    "kill": (
        "lifecycle",
        "Kill a component with SIGKILL. The supervisor starts it again, after the seconds of --hold.",
    ),
    "clean": ("lifecycle", "Stop an instance and delete the files that it wrote. Other files in its home stay."),
    "calculate": (
        "commissions",
        "Calculate the commission of a conversion: the commission and its outbox row in one transaction.",
    ),
    "approve": ("commissions", "Approve a commission. Approving it again changes nothing."),
    "query": ("commissions", "Print the commission of a conversion, read directly from the database."),
    "feed": ("watching", "Print messages as the observer received them from Pulsar, without a consumer of its own."),
    "topics": ("watching", "List the topics with their messages and subscriptions."),
    "reconcile": ("watching", "Compare committed, published, notified and audited events by id and content."),
    "dead-letters": (
        "dead_letters",
        "List, requeue and discard dead letters: messages that could not be processed.",
    ),
    "replay": ("operations", "Read every event again from the beginning with a new subscription."),
    "repair": ("operations", "Publish again exactly the events that are committed and missing downstream."),
    "reset": ("operations", "Empty the tables, topics, observer's store and audit file of a running stack."),
    "source": ("operations", "The Debezium source of the native stack."),
    "scenario": ("scenarios", "Break the running stack on purpose, and let the counts of events judge."),
    "step": (
        "stepping",
        "Hold every event before it is published, processed and acknowledged, and let one pass at a time.",
    ),
    "fuzz": (
        "fuzzing",
        "Send hostile HTTP requests, commands, events and outbox rows among good ones, and account for each.",
    ),
    "e2e": ("measuring", "Send fresh commands through the whole path and check each step."),
    "bench": ("measuring", "Measure the running stack (a private one is started when none runs)."),
    "prune": ("keeping", "Remove outbox rows that were captured and have a notification."),
    "backup": ("keeping", "Write every row and every observed message to FILE as JSON lines."),
    "restore": ("keeping", "Replace the data of a running stack by the back-up in FILE. The present data is deleted."),
    "part": ("parts", "Run one component in the foreground, with the command and environment of `up`."),
    "migrate": ("parts", "Migrate the database to the newest schema and set its grants."),
    "download": ("parts", "Download the files of the lock that the cache lacks, and check the SHA-256 of each."),
    "compose": ("compose", "The Docker Compose stack's files."),
    "notebooks": ("notebooks", "Open the six notebooks, in two languages, that run on the live system."),
    "test": ("testing", "Run every kind of test on every stack; further arguments go to pytest."),
}
"""Verb → module of this package, and the beginning of the verb's help."""


class VerbGroup(TyperGroup):
    """The group of all verbs: it imports the module of a verb when the verb is resolved."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in VERBS:
            self.commands[args[0]] = load(args[0])
        return super().resolve_command(ctx, args)


def load(verb: str) -> Any:
    """Return the verb's command, or its group of commands, with all options."""
    return _load_module(VERBS[verb][0]).commands[verb]


@cache
def _load_module(name: str) -> Any:
    app = typer.Typer(rich_markup_mode="rich")
    app.callback()(_group)
    importlib.import_module(f"cli.{name}").register(app)
    return typer.main.get_command(app)


def _group() -> None:
    """Keep the verb's name: typer drops the name of a group's only command unless the group has a callback."""

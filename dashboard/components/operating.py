"""Render the operations page's tables and sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from application.components import find_component
from dashboard.components.json_view import show_json
from dashboard.components.lights import SIGNS
from dashboard.components.markup import Html, empty, facts, join, notice, table, tag, trace_link
from dashboard.i18n import _, clock, instant, number
from dashboard.view_models import operations, words
from dashboard.view_models.tracing import plain_key
from db.dead_letter_queries import DeadLetterRow
from domain.message import Message
from settings.stack_facts import CaptureFacts
from stacks.jobs import Job
from stacks.part_health import PartHealth
from stacks.source_control import SourceReport
from stacks.status import Status
from stacks.topics import TopicReport


def source(report: SourceReport, problem: Message | None, uncaptured: int | None) -> Html:
    intents = {"run": _("run"), "stopped": _("stopped"), "deleted": _("deleted")}
    how = _("runs") if report.running else _("does not run") if report.exists else _("does not exist")
    pairs: list[tuple[str, object]] = [
        (_("status"), tag("span", how, class_="ok" if report.running else "warn")),
        (
            _("asked for"),
            tag(
                "span",
                intents.get(report.intent, report.intent),
                title=_("The watcher respects it: it does not start a source that was stopped on purpose."),
            ),
        ),
        (_("behind"), _("{n} outbox rows not seen on Pulsar yet").format(n=number(uncaptured))),
        (_("received · written"), f"{number(report.received)} · {number(report.written)}"),
        (_("restarts"), number(report.restarts)),
        (_("topic"), tag("span", report.topic, class_="mono")),
        (_("connector"), tag("span", f"{report.name} · {report.connector}", class_="mono")),
    ]
    if report.error:
        pairs.insert(1, (_("error"), tag("span", report.error, class_="warn")))
    if report.message is not None:
        pairs.insert(1, (_("cause"), tag("span", words.translate(report.message), class_="warn")))
    return join([unread(problem), facts(pairs)])


def _explain(capture: CaptureFacts) -> str:
    if capture.product:
        return _(
            "Debezium Server is supervised like every component: it is started again when it ends, and goes on where it was. Its place in the binary log is a file of this instance."
        )
    return _(
        "The embedded stack has no Debezium source. Its relay does the same work: it reads the outbox in the order of seq and publishes each row in Debezium's envelope, on the same topic."
    )


def process(capture: CaptureFacts, health: PartHealth | None, checkpoint: int | None, head: int | None) -> Html:
    """Render a capture that is a process of its own, with the seq up to which it has read and the last that there is."""
    pairs: list[tuple[str, object]] = []
    if health is not None:
        sign, colour = SIGNS[health.light]
        pairs.append((_("status"), tag("span", f"{sign} {words.translate(health.message)}", class_=colour)))
    if checkpoint is not None and head is not None:
        checkpoint = min(checkpoint, head)  # the two are read one after the other
    pairs.append(
        (_("last captured seq"), tag("span", number(checkpoint), title=_("Highest outbox seq seen on Pulsar.")))
    )
    pairs.append((_("last outbox seq"), tag("span", number(head), title=_("Highest seq the database has given."))))
    return join([tag("p", _explain(capture)), facts(pairs)])


def parts(status: Status, problem: Message | None, health: Sequence[PartHealth] = ()) -> Html:
    """Render the components. Where `health` has one, its light and message are shown, as the header shows them."""
    health_by_part = {part.part: part for part in health}
    head = (
        (_("component"), ""),
        (_("health"), _("Health: whether the component answers, and how large its lag is; not a status word.")),
        (_("version"), ""),
        ("pid", _("Id of its process.")),
        (_("memory"), _("Proportional set size: shared pages count in part.")),
    )
    rows = []
    for part in status.parts:
        light, message = part.light, part.message
        if part.name in health_by_part:
            light, message = health_by_part[part.name].light, health_by_part[part.name].message
        sign, colour = SIGNS[light]
        how = words.translate(message) if message else part.process.lower()
        name = tag("strong", words.part(part.name), title=words.part_hint(part.name) or None)
        rows.append(
            (
                part.name,
                (
                    join([tag("span", f"{sign} ", class_=colour), name]),
                    tag("span", how, class_="soft clip", title=how),
                    _version(part.name, status),
                    tag("span", part.pid or "—", class_="mono"),
                    f"{number(part.memory_mb)} MB" if part.pid else "—",
                ),
            )
        )
    total = _("{n} MB in total · {home}").format(n=number(status.memory_mb), home=status.home)
    return join([unread(problem), table(head, rows), tag("p", total, class_="soft")])


def _version(part: str, status: Status) -> str:
    """Return the version of database, capture or broker; empty for components that run from this repository."""
    component = find_component(part)
    return status.versions.get("capture" if component.is_capture else component.name, "")


def topics(reports: Sequence[TopicReport], problem: Message | None, waiting: int | None) -> Html:
    head = (
        (_("topic"), _("Where messages are kept. Bold: where capture publishes.")),
        (_("messages"), _("Published since the topic was made.")),
        (_("producers"), _("Connected now.")),
        (_("subscription"), _("The broker keeps its position in the topic (its cursor).")),
        (_("backlog"), _("Messages it has not acknowledged.")),
        (_("consumers"), _("Connected now.")),
    )
    rows = []
    for topic in reports:
        name = topic.name.rpartition("/")[2]
        topic_name = tag("strong" if topic.live else "span", name, title=topic.name)
        first = (topic_name, number(topic.messages), number(topic.producers))
        for place, subscription in enumerate(topic.subscriptions or [None]):
            lead = first if place == 0 else ("", "", "")
            rest: tuple[object, ...] = ("—", "—", "—")
            if subscription is not None:
                backlog = tag("span", number(subscription.backlog), class_="warn" if subscription.backlog else None)
                rest = (
                    tag("span", subscription.name, title=subscription.type),
                    backlog,
                    number(subscription.consumers),
                )
            rows.append((f"{topic.name}-{place}", (*lead, *rest)))
    note: object = ""
    if reports and reports[0].source == "observer":
        sentence = _(
            "pulsar-lite has no admin REST: the messages are those that the observer saw, and their backlog is not known. Committed and not notified yet: {n}."
        )
        note = tag("p", sentence.format(n=number(waiting)), class_="soft")
    return join([unread(problem), table(head, rows) if rows else empty(_("There is no topic yet.")), note])


def causes(rows: Sequence[DeadLetterRow]) -> Html:
    """Render how many of the dead letters wait, by reason, the most frequent first."""
    counts = Counter(letter.reason for letter in rows if letter.is_waiting)
    sentences = (f"{words.dead_letter_reason(reason)}: {number(n)}" for reason, n in counts.most_common())
    return tag("p", " · ".join(sentences), class_="soft") if counts else Html("")


def letters(dead_letters: Sequence[DeadLetterRow], picked: int | None, zone: str | None) -> Html:
    head = (
        ("seq", _("Click one to read it.")),
        (_("reason"), _("Why it cannot be processed.")),
        (_("topic"), ""),
        (_("attempts"), _("Number of attempts before the worker dead-lettered the message.")),
        (_("dead-lettered at"), ""),
        (_("state"), _("Whether it waits, was requeued, or was discarded because it needs no requeue.")),
    )
    columns = join(tag("th", name, title=hint or None, scope="col") for name, hint in head)
    rows = []
    for letter in dead_letters:
        pick = tag("button", letter.seq, class_="pick mono", data_pick=str(letter.seq), type="button")
        at = clock(letter.dead_lettered_at, zone)[:8]
        reason = tag("span", words.dead_letter_reason(letter.reason), title=letter.reason)
        cells = (pick, reason, letter.topic.rpartition("/")[2], letter.attempts, at, _letter_state(letter, zone))
        body = join(tag("td", cell) for cell in cells)
        rows.append(tag("tr", body, data_key=str(letter.seq), class_="picked" if letter.seq == picked else None))
    return tag("div", tag("table", join([tag("thead", tag("tr", columns)), tag("tbody", join(rows))])), class_="scroll")


def _letter_state(letter: DeadLetterRow, zone: str | None) -> object:
    if letter.requeued_at is not None:
        return _("requeued at {at}").format(at=clock(letter.requeued_at, zone)[:8])
    if letter.discarded_at is not None:
        return _("discarded at {at}").format(at=clock(letter.discarded_at, zone)[:8])
    return tag("span", _("waits"), class_="warn")


def letter(row: DeadLetterRow, attempts: Sequence[int] = ()) -> Html:
    """Render a dead letter. `attempts` are the numbers of all dead letters of its message, oldest first."""
    value = operations.payload(row)
    pairs: list[tuple[str, object]] = [
        (_("reason"), join([words.dead_letter_reason(row.reason), " · ", tag("span", row.detail, lang="en")])),
        (_("message"), tag("span", f"{row.topic} · {row.message_id}", class_="mono")),
        (_("key"), tag("span", plain_key(row.message_key), class_="mono", title=row.message_key)),
        (_("properties"), ", ".join(f"{name}={value}" for name, value in row.properties.items()) or "—"),
    ]
    if len(attempts) > 1:
        links = [tag("strong" if seq == row.seq else "span", f"#{seq}") for seq in attempts]
        pairs.append((_("attempts of this message"), join([links[0], *(join([" → ", link]) for link in links[1:])])))
    if row.discard_note:
        pairs.append((_("note"), row.discard_note))
    if row.event_id:
        pairs.append((_("event"), trace_link(row.event_id, row.event_id)))
    return join([facts(pairs), show_json(value, _("The message as it is on the topic"))])


def job(reset: Job, zone: str | None) -> Html:
    """Render the state of a reset: running, ended or failed."""
    name = _("Reset of everything") if reset.name == "reset-all" else _("Reset of the tables")
    if reset.running:
        sentence = _("{name} is under way. It stops this page's server too; the page comes back by itself.")
        return tag("div", sentence.format(name=name), class_="answer refused", role="status")
    at = instant(int((reset.ended_at or reset.started_at) * 1e6), zone)[:8]
    last = reset.output.strip().splitlines()[-1:] or [""]
    if reset.code == 0:
        sentence = _("{name} ended at {at}, after {s} s: everything is empty again, and every component runs.")
        took = number((reset.ended_at or reset.started_at) - reset.started_at, 1)
        return tag("div", sentence.format(name=name, at=at, s=took), class_="answer", role="status")
    sentence = _("{name} failed at {at}: {why}").format(name=name, at=at, why=last[0] or _("its process was ended"))
    return tag("div", sentence, class_="answer outage", role="status")


def unread(problem: Message | None) -> Html:
    """Render the notice, above the last data read, that reading fails now; empty without a problem."""
    if not problem:
        return Html("")
    strong = tag("strong", _("It cannot be read now; below is what was read last"))
    return notice(join([strong, f": {words.translate(problem)}"]))


def waiting(problem: Message | None) -> Html:
    """Render what is shown before the first successful read: the problem, or that reading is under way."""
    return notice(words.translate(problem)) if problem else empty(_("Reading…"))

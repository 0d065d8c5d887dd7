"""Define the English templates of what is said of components: their health, and what an operation on them ran into."""

from __future__ import annotations

from domain.message import register

HEALTH = {
    "health.answers": "reachable",
    "health.answers_at": "listening on {where}",
    "health.nothing_answers": "unreachable at {where}",
    "health.at_work": "is running",
    "health.behind": "{n} behind",
    "health.late": "{n} events wait for it, the oldest for {s} s",
    "health.clock": "its clock is {s} s ahead of the machine's; a negative number is behind it",
    "health.stepped": "step mode holds {n} events here; `./alpes step off` lets them pass",
    "health.not_ready": "listening on {where}, and cannot accept commands now",
    "health.behind_only": "{n} behind; without an admin REST only its lag is known",
    "health.no_answer": "no answer within {s} s",
    "health.lag_unknown": "its lag is unknown while the database does not answer",
    "health.not_started": "has not started yet",
    "health.silent": "no heartbeat for {s} s",
    "health.waits": "waiting for a component that it depends on",
    "health.held_down": "killed on purpose; restarts in {s} s",
    "health.no_source": "there is no source; `./alpes source create` makes it",
    "health.source_does_not_run": "does not run: {why}",
    "health.source_stopped": "stopped",
    "health.source_ill": "{cause}; {cure}",
    "health.left_out": "it reads, and at {at} it left out a row whose message the broker refused: {why}",
    "health.source_reads": "runs and reads the outbox",
    "health.with_parked": "{health}; {parked}",
    "health.parked": "{n} outbox rows are parked: `./alpes dead-letters list` says why",
    "health.supervisor": "runs the components",
}

SOURCE = {
    "cause.history_gone": "its schema history is lost",
    "cause.position_gone": "its position in the binlog no longer exists (purged, RESET MASTER, or older data of the server)",
    "cause.position_unreadable": "the file of its position cannot be read",
    "cause.older_binlog": "the binlog of its MySQL server does not continue the one that it read: the data directory is an older one",
    "cause.other_server": "another MySQL server answers than the one whose binlog it read",
    "cause.unparseable": "it cannot parse a statement in the binlog",
    "cause.oversized": "the message of a row is larger than the broker accepts",
    "cause.refused": "MySQL refuses its user or password",
    "cause.privileges": "its MySQL user lacks a privilege",
    "cause.binlog_unfit": "MySQL's binlog settings do not fit",
    "cause.other_reader": "another reader of the binlog has the same server id",
    "cause.unreachable": "it does not reach MySQL",
    "cause.connection_lost": "its connection to MySQL has ended",
    "cause.no_progress": "it runs and does not publish what waits",
    "cause.unknown": "it ended with an error whose cause is not known",
    "cause.stopped": "it is stopped or deleted, as its user asked",
    "cure.restart": "the watcher restarts it",
    "cure.resnapshot": "the watcher lets it take a new snapshot",
    "cure.none": "the watcher cannot cure that: {advice}",
    "cure.left": "the watcher has tried its cures: {advice}",
    "advice.start": "`./alpes source start`",
    "advice.create_missing": "`./alpes source create`",
    "advice.restart": "`./alpes source restart`",
    "advice.resnapshot": "`./alpes source resnapshot`",
    "advice.create": "`./alpes source create` restores the configuration that skips such statements",
    "advice.oversized": "raise the broker's maxMessageSize (`./alpes doctor` names it), then `./alpes source restart`; `./alpes repair` publishes what was left out",
    "advice.left_out": "`./alpes repair` publishes it once the broker accepts it",
    "advice.refused": "correct its user and password in MySQL or in the settings, then `./alpes source create` and `./alpes source restart`",
    "advice.privileges": "grant what db/init.sql grants (`./alpes migrate` does, given the root's URL), then `./alpes source restart`",
    "advice.doctor": "`./alpes doctor` names the setting; correct it, then `./alpes source restart`",
    "advice.other_reader": "stop the other reader, or set ALPES_DEBEZIUM_SERVER_ID; then `./alpes source create`",
}
"""Why the source does not read, what cures it (`stacks.native.diagnosis`), and what its user can do."""

OPERATIONS = {
    "requeue.refused": "dead letter {n} cannot be requeued: {why}",
    "requeue.no_command": "dead letter {n} is no command: an event is sent again with the contents of its committed row only",
    "requeue.malformed": "the new body of dead letter {n} is no command: {why}",
    "requeue.none": "{refused}",
    "requeue.others": "{refused}; {n} others were sent",
}

SNAPSHOT = {
    "snapshot.no_such_row": "there is no row {seq} in the outbox: name a seq from 0 to {head}",
    "snapshot.not_healthy": "the capture is not healthy ({why}), so a snapshot of some rows could leave out others: `./alpes source doctor` shows the cure, and `./alpes source resnapshot` without --from publishes every row",
    "snapshot.unpublished": "{n} rows below {seq} were not published yet, as far as the observer knows, and a snapshot from {seq} on would leave them out: wait, name a lower seq, or publish them with `./alpes repair`",
    "snapshot.many_gaps": "more than {n} numbers below {seq} have no row, too many to watch for rows that commit late: `./alpes source resnapshot` without --from publishes every row",
    "snapshot.unfinished": "the snapshot did not end, and nothing was published for {s} s; the ordinary configuration is back, and the capture begins again with every row: `./alpes source doctor` shows what is wrong",
}
"""Why there is no snapshot from one row on (`stacks.selected_snapshot`)."""

BESIDE = {
    "beside.ended": "a second process of {part} ended with code {code}; its log is {log}",
}
"""What a process beside a component ran into (`stacks.beside`)."""

STEPS = {
    "step.off": "step mode is off: `./alpes step on` holds the events",
    "step.no_scenario": "step mode holds the events, and a scenario would take them for late: end it first with `./alpes step off`",
    "step.nothing_waits": "no event waits: send a command first, for example with `./alpes calculate`",
    "step.waits_capture": "the commission and its outbox row are committed in one transaction; nobody has read the row yet",
    "step.waits_delivery": "the message is stored by Pulsar; the worker has received it, and nothing of its effect is written",
    "step.waits_acknowledgement": "inbox row and notification are committed in one transaction; Pulsar does not know it: if the worker died now, the message would be delivered again, and the inbox would absorb it",
    "step.passed_capture": "the outbox row was read and published to Pulsar; the table is as it was, because the relay only remembers how far it has read",
    "step.passed_delivery": "the worker wrote the inbox row and the notification in one transaction",
    "step.passed_acknowledgement": "Pulsar was told that the message is done, and will not deliver it again",
}
"""What step mode says (`stacks.stepping`)."""

TRACING = {
    "tracing.missing": "there is no strace here: install it (Debian: sudo apt-get install strace)",
    "tracing.refused": "the system does not let strace change a component's system calls: {why}",
}

register(HEALTH)
register(SOURCE)
register(SNAPSHOT)
register(STEPS)
register(TRACING)
register(BESIDE)
register(OPERATIONS)

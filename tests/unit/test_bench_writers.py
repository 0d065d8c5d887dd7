"""The commands of a measurement are all sent, once each, from threads of one or several processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from bench import writers
from bench.children import ChildFailed
from bench.writers import send_commands
from db.engine import connect
from db.tables import outbox_event
from settings import Settings, load


@pytest.fixture
def settings(tmp_path: Path, engine: Engine) -> Settings:
    return load(stack="embedded", home=tmp_path, database_url=engine.url.render_as_string(hide_password=False))


def count_committed(engine: Engine, correlation_id: str) -> int:
    with engine.connect() as connection:
        query = select(func.count()).where(outbox_event.c.correlation_id == correlation_id)
        return connection.scalar(query) or 0


@pytest.mark.parametrize(("threads", "processes"), [(3, 1), (3, 2), (1, 2)])
def test_every_command_is_sent_once(settings: Settings, engine: Engine, threads: int, processes: int) -> None:
    progress: list[int] = []
    sent = send_commands(settings, "run-1", 250, threads, processes, progress.append)
    assert count_committed(engine, "run-1") == 250
    assert sent.began_at < sent.ended_at
    assert progress == sorted(progress)
    assert progress[-1] == 200  # the last hundreds that were complete: of one process 200, of two processes 100 each
    assert len(sent.usages) == (processes if processes > 1 else 0)
    assert all(usage.cpu_s > 0 for usage in sent.usages)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_database_that_refuses_ends_the_measurement(settings: Settings, tmp_path: Path, processes: int) -> None:
    empty = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'empty.db'}"})
    connect(empty.database_url).connect().close()
    with pytest.raises(Exception, match=r"event|table") as failure:
        send_commands(empty, "run-1", 4, 2, processes)
    assert processes == 1 or failure.type is ChildFailed


@pytest.mark.parametrize(("total", "processes"), [(10, 3), (2, 4), (20_000, 7), (0, 2)])
def test_the_shares_of_the_processes_add_up(total: int, processes: int) -> None:
    shares = [writers._share(total, processes, number) for number in range(processes)]
    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1

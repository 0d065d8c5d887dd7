"""The compose stack's services without Docker: each one's own command and environment, as processes, on real parts.

For machines where Docker cannot run. `tests/compose/test_on_docker.py` tests the same on Docker, so this is breadth.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from application import Application
from db import notification_queries
from db.engine import READ, connect
from db.errors import DatabaseUnavailable, translated
from scenarios import end_to_end
from scenarios.waiting import until
from settings import SOURCE_NAME, Settings, load
from settings.model import REPOSITORY
from stacks import native
from stacks.compose import broker_files, model
from stacks.native import libraries, mysql, pulsar
from stacks.native.artifacts import FetchFailed, download_missing, read_artifacts
from stacks.processes import free_port

pytestmark = [pytest.mark.native, pytest.mark.breadth]

PARTS = ("api", "notificaciones", "commands", "observer", "audit", "watcher")
PORTS = ("mysql", "broker", "external", "admin", "functions", "bookie", "api")


@dataclass(frozen=True)
class Composed:
    """The services' processes, and where they are."""

    folder: Path
    ports: dict[str, int]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def environment(self, service: str) -> dict[str, str]:
        """A service's environment as the file has it, its addresses led to this machine."""
        found = model.demo()["services"][service]["environment"]
        return {name: self.here(str(value)) for name, value in found.items()} | self._own()

    def here(self, text: str) -> str:
        led = {
            "@mysql:3306": f"@127.0.0.1:{self.ports['mysql']}",
            "pulsar://pulsar:6650": f"pulsar://127.0.0.1:{self.ports['broker']}",
            "pulsar://localhost:6650": f"pulsar://127.0.0.1:{self.ports['broker']}",
            "http://pulsar:8080": f"http://127.0.0.1:{self.ports['admin']}",
            "/var/lib/alpes": str(self.folder / "home"),
            "/source/": f"{self.folder}/pulsar/source/",
            "/pulsar/": f"{self.folder}/pulsar/",
        }
        # At once: what one of them wrote must not be led elsewhere by the next.
        return re.sub("|".join(map(re.escape, led)), lambda match: led[match[0]], text)

    def run(self, service: str, *words: str) -> None:
        """A one-shot's command line to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "cli", *words],
            cwd=REPOSITORY,
            env=os.environ | self.environment(service),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def healthy(self, service: str) -> bool:
        """What the container's health check would say."""
        test = model.demo()["services"][service]["healthcheck"]["test"]
        assert test[:2] == ["CMD", "/opt/venv/bin/python"]
        words = [sys.executable, *test[2:]]
        env = os.environ | self.environment(service)
        return subprocess.run(words, cwd=REPOSITORY, env=env, capture_output=True, check=False).returncode == 0

    def outside(self) -> Settings:
        """The settings of a user of the published ports; the broker's external listener among them."""
        api, worker = self.environment("api"), self.environment("watcher")
        return load(
            home=self.folder / "home",
            audit_dir=self.folder / "home" / "audit",
            stack="compose",
            api_port=self.ports["api"],
            database_url=api["ALPES_DATABASE_URL"],
            database_worker_url=worker["ALPES_DATABASE_WORKER_URL"],
            database_admin_url=worker["ALPES_DATABASE_ADMIN_URL"],
            pulsar_url=f"pulsar://127.0.0.1:{self.ports['external']}",
            pulsar_admin_url=f"http://127.0.0.1:{self.ports['admin']}",
        )

    def _own(self) -> dict[str, str]:
        return {
            "PYTHONPATH": str(REPOSITORY),
            "ALPES_BIND": "127.0.0.1",
            "ALPES_API_HOST": "127.0.0.1",
            "ALPES_API_PORT": str(self.ports["api"]),
            "ALPES_DEBEZIUM_HOST": "127.0.0.1",
            "ALPES_DEBEZIUM_PORT": str(self.ports["mysql"]),
        }


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory, missing: Callable[[str, str], None]) -> Iterator[Composed]:
    libraries.install(print)
    try:
        native.download(Settings(stack="native"), lambda done, total, what: None)
        download_missing(read_artifacts(["nar-3.1.2", "nar-4.0.8", "byteman"]))
    except FetchFailed as error:
        missing("native", str(error))
    found = Composed(tmp_path_factory.mktemp("composed"), {name: free_port() for name in PORTS})
    (found.folder / "home" / "data").mkdir(parents=True)
    with ExitStack() as stack:
        stack.enter_context(process(found, "mysql", *_mysql(found)))
        stack.enter_context(process(found, "pulsar", *_pulsar(found)))
        until(lambda: _answers(found.environment("migrate")["ALPES_DATABASE_ROOT_URL"]), 60, "MySQL answers")
        found.run("migrate", *model.demo()["services"]["migrate"]["command"])
        until(lambda: _ready(found), 240, "the broker's health check passes")
        for line in model.demo()["services"]["source"]["command"][0].split(";"):
            found.run("source", *found.here(line.replace("exec ", "")).split()[1:])
        for name in PARTS:
            words = model.demo()["services"][name]["command"]
            command = [sys.executable, "-m", "cli", *words]
            stack.enter_context(process(found, name, command, REPOSITORY, found.environment(name)))
        until(lambda: all(found.healthy(name) for name in PARTS), 60, "every health check passes", every_s=1)
        yield found


@contextmanager
def process(composed: Composed, name: str, argv: list[str], cwd: Path, env: dict[str, str]) -> Iterator[None]:
    start(composed, name, argv, cwd, env)
    try:
        yield
    finally:
        composed.running[name].terminate()
        composed.running[name].wait(30)


def start(composed: Composed, name: str, argv: list[str], cwd: Path, env: dict[str, str]) -> None:
    with (composed.folder / f"{name}.log").open("ab") as log:
        composed.running[name] = subprocess.Popen(
            argv, cwd=cwd, env=os.environ | env, stdout=log, stderr=subprocess.STDOUT
        )


def test_the_whole_path_goes_through_the_services(composed: Composed) -> None:
    found = end_to_end.run(composed.outside())
    assert found.ok
    assert (found.events, found.notifications, found.audit_lines) == (2, 2, 2)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_the_broker_starts_again_on_its_own_data(composed: Composed, end: signal.Signals) -> None:
    """As a restarted, a killed and a recreated container does: what is not acknowledged is still there."""
    broker = composed.running["pulsar"]
    broker.send_signal(end)
    broker.wait(60)
    url = f"http://127.0.0.1:{composed.ports['api']}/commissions/calculate"
    body = {"affiliateId": "aff-1", "campaignId": "cmp-1", "grossAmount": 120.5, "currency": "USD"}
    answer = httpx.post(url, json={"conversionId": str(uuid.uuid4()), **body}, timeout=10).raise_for_status()
    start(composed, "pulsar", *_pulsar(composed))
    until(lambda: _ready(composed), 240, "the broker's health check passes again")
    until(lambda: all(composed.healthy(name) for name in PARTS), 60, "every health check passes again", every_s=1)
    assert end_to_end.run(composed.outside(), deadline_s=90).ok
    with Application(composed.outside(), pool_size=1) as application, application.reading() as connection:
        assert set(answer.json()["eventIds"]) <= notification_queries.notification_ids(connection)


def test_the_seeds_sources_create_uploads_its_connector(composed: Composed) -> None:
    """`pulsar-admin sources delete`, then `create --archive … --source-config-file …`, as the requests that it sends."""
    connectors = composed.folder / "pulsar" / "connectors"
    config = json.loads((connectors / "debezium-mysql-outbox.json").read_text())
    config |= {"tenant": "public", "namespace": "default", "name": SOURCE_NAME}
    config["topicName"] = "persistent://public/default/outbox-events"
    url = f"/admin/v3/sources/public/default/{SOURCE_NAME}"
    before = end_to_end.run(composed.outside())
    with httpx.Client(base_url=f"http://127.0.0.1:{composed.ports['admin']}", timeout=120) as http:
        assert http.delete(url).is_success
        with (connectors / broker_files.nar_name("3.1.2")).open("rb") as archive:
            config["archive"] = archive.name
            part = {
                "sourceConfig": (None, json.dumps(config), "application/json"),
                "data": (Path(archive.name).name, archive),
            }
            answer = http.post(url, files=part)  # type: ignore[arg-type]
        assert answer.is_success, answer.text
        until(lambda: _running(http, url), 60, "the source runs", every_s=0.5)
    # On this version events stay on Debezium's own topic; the services read both.
    after = end_to_end.run(composed.outside(), deadline_s=90)
    assert before.ok
    assert after.ok


def test_the_broker_writes_into_volumes_only(composed: Composed) -> None:
    """Its root file system is read-only there. Runs last: an upload writes too."""
    home = composed.folder / "pulsar"
    targets = [str(entry).split(":")[1] for entry in model.demo()["services"]["pulsar"]["volumes"]]
    mounted = {target.removeprefix("/pulsar/") for target in targets}
    made = {path.name for path in home.iterdir()}
    assert {"data", "packages-storage"} <= made
    assert made - mounted == {"alpes", "connectors", "nars"}
    names = {broker_files.nar_name("3.1.2"), broker_files.CONFIG_NAME}
    assert {path.name for path in (home / "connectors").iterdir()} == names


def _running(http: httpx.Client, url: str) -> bool:
    answer = http.get(f"{url}/status")
    return answer.is_success and any(row["status"]["running"] for row in answer.json()["instances"])


def _mysql(composed: Composed) -> tuple[list[str], Path, dict[str, str]]:
    """The server with the file's options; its root as the image makes it: reachable, with the file's password."""
    values = model.demo()["services"]["mysql"]
    server = mysql.obtain()
    data = composed.folder / "mysql"
    mysql.initialize(server, data)
    password = values["environment"]["MYSQL_ROOT_PASSWORD"]
    init = composed.folder / "root.sql"
    init.write_text(
        f"CREATE USER 'root'@'%' IDENTIFIED BY '{password}';\nGRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;\n"
    )
    options = [f"--datadir={data}", f"--port={composed.ports['mysql']}", "--bind-address=127.0.0.1"]
    options += [f"--socket={composed.folder / 'mysql.sock'}", f"--init-file={init}", *mysql.location_options(server)]
    return (
        [str(server.binary), "--no-defaults", *options, *values["command"]],
        composed.folder,
        mysql.environment(server),
    )


def _pulsar(composed: Composed) -> tuple[list[str], Path, dict[str, str]]:
    """The broker on the files of its image, run by this machine's Java instead of the image's script."""
    home = composed.folder / "pulsar"
    broker_files.write(home)
    ports = composed.ports
    for name in ("standalone.conf", "functions_worker.yml"):
        path = home / "alpes" / name
        text = path.read_text().replace("/pulsar/", f"{home}/")
        for inside, outside in {
            "pulsar://pulsar:6650": f"pulsar://127.0.0.1:{ports['broker']}",
            "external:pulsar://127.0.0.1:6650": f"external:pulsar://127.0.0.1:{ports['external']}",
            "0.0.0.0:6651": f"127.0.0.1:{ports['external']}",
            "0.0.0.0": "127.0.0.1",
            "localhost:6650": f"127.0.0.1:{ports['broker']}",
            "localhost:8080": f"127.0.0.1:{ports['admin']}",
            "Hostname: pulsar": "Hostname: 127.0.0.1",
            "brokerServicePort=6650": f"brokerServicePort={ports['broker']}",
            "bookieId=pulsar:3181": f"bookieId=pulsar:{ports['bookie']}",
            "webServicePort=8080": f"webServicePort={ports['admin']}",
            "workerPort: 6750": f"workerPort: {ports['functions']}",
        }.items():
            text = text.replace(inside, outside)
        path.write_text(text)
    settings = Settings(home=composed.folder / "native", stack="native")
    command = pulsar.command(settings)
    argv = list(command.argv)
    argv[argv.index("--config") + 1] = str(home / "alpes" / "standalone.conf")
    argv[argv.index("--functions-worker-conf") + 1] = str(home / "alpes" / "functions_worker.yml")
    rule, ours = str(settings.data / "pulsar" / "source.btm"), str(home / "alpes" / "source.btm")
    return [word.replace(rule, ours) for word in argv], home, dict(command.env)


def _answers(url: str) -> bool:
    engine = connect(url, pool_size=1)
    try:
        with translated(), engine.connect().execution_options(**READ):
            return True
    except DatabaseUnavailable:
        return False
    finally:
        engine.dispose()


def _ready(composed: Composed) -> bool:
    """The broker's health check, by the addresses that its own command names."""
    test: str = model.demo()["services"]["pulsar"]["healthcheck"]["test"][1]
    words = test.replace("http://localhost:8080", f"http://127.0.0.1:{composed.ports['admin']}")
    return subprocess.run(["sh", "-c", words], capture_output=True, check=False).returncode == 0

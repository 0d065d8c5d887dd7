"""A home may have any name: what it is called reaches every file, URI and configuration whole."""

from __future__ import annotations

import os
import sqlite3
import stat
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError
from supervisor.options import ServerOptions

from application import wake
from application.wake import SocketFolderUnsafe, choose_socket_address
from db.engine import connect
from settings import Settings, load
from stacks import embedded, native, resolving
from stacks.command import Command, Part
from stacks.supervisor import Supervisor
from workers.observer_lookups import recently_published
from workers.observer_store import ObserverStore

NAMES = (
    "plain", "with blank", "C#", "a #b", "a ;b", "what?", "a?mode=rwc", "100%", "%41%20", "%(here)s", "%%", "it's", 'say "hi"',
    "back\\slash", "$HOME", "`id`", "naïve-ñandú-東京", "a&b=c", "{x}", "[section]", "semi;colon", "a:b,c", "~", "x" * 120, " #",
)  # fmt: skip


@pytest.fixture(params=NAMES, ids=range(len(NAMES)))
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return resolving.resolve("embedded", tmp_path / request.param / "home")


def test_the_database_lies_in_the_home(settings: Settings) -> None:
    settings.data.mkdir(parents=True)
    engine = connect(settings.database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE here (n INTEGER)")
    engine.dispose()
    assert (settings.data / "alpes.db").exists()
    with sqlite3.connect(settings.data / "alpes.db") as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("here",)]
    database.close()


def test_the_observers_store_is_read_where_it_is_written(settings: Settings) -> None:
    ObserverStore(settings.observer_store, write=True).close()
    store = ObserverStore(settings.observer_store)
    assert store.read_totals().distinct == 0
    store.close()
    assert recently_published(settings.observer_store, 1) == []
    assert {path.name for path in settings.home.parent.parent.iterdir()} == {
        settings.home.parent.name
    }  # nothing beside


def test_the_brokers_configuration_names_its_folder(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_find_binary", lambda: Path("/bin/pulsar-lite"))
    embedded.prepare(settings)
    values = tomllib.loads((settings.data / "pulsar-lite" / "pulsar-lite.toml").read_text(encoding="utf-8"))
    assert values["db_path"] == str(settings.data / "pulsar-lite" / "store")


def test_supervisord_reads_its_configuration_as_it_is_meant(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = Supervisor(settings)
    supervisor.write_config([Part("relay", Command(("python", str(settings.data)), settings.home, {"A": "% #"}))])
    monkeypatch.chdir(settings.home)
    monkeypatch.setattr(os, "environ", supervisor._environment())
    options = ServerOptions()
    options.realize(["-n", "-c", str(settings.run / "supervisord.conf")])
    (group,) = options.process_group_configs
    (process,) = group.process_configs
    assert Path(process.stdout_logfile).absolute() == settings.logs / "relay.log"
    assert options.pidfile == str(settings.run / "supervisord.pid")
    assert options.server_configs[0]["file"] == choose_socket_address(settings.run / "supervisor.sock")
    assert supervisor._specification(Part("relay", Command(("x",), settings.home)))["cwd"] == str(settings.home)


def test_the_settings_come_back(settings: Settings) -> None:
    assert load(home=settings.home) == settings


def test_a_relative_home_and_a_link_to_it_are_the_same_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    for name in ("real", "link", "./link/../real", str(tmp_path / "link")):
        monkeypatch.setenv("ALPES_HOME", name)
        assert load().home == tmp_path.resolve() / "real"
        assert resolving.find().home == load(home=Path(name)).home == tmp_path.resolve() / "real"


@pytest.mark.parametrize("name", ["line\nbreak", "tab\there", "\udcff"])
def test_a_name_that_no_file_could_hold_is_refused_in_words(name: str) -> None:
    with pytest.raises(ValidationError, match="name another folder"):
        load(home=Path("/tmp") / name)


def test_an_ipv6_address_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPES_BIND", "::1")
    with pytest.raises(ValidationError, match="IPv6"):
        load()


def test_sockets_of_a_long_home_stand_in_a_folder_of_this_user_alone() -> None:
    address = Path(choose_socket_address(Path("/tmp") / ("x" * 200) / "run" / "relay.sock"))
    assert len(str(address).encode()) < 100
    assert stat.S_IMODE(address.parent.stat().st_mode) == 0o700
    assert address.parent.stat().st_uid == os.getuid()


@pytest.mark.parametrize("kind", ["open", "link", "file", "other's"])
def test_a_folder_of_sockets_that_others_can_change_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "sockets"
    match kind:
        case "open":
            folder.mkdir()
            folder.chmod(0o777)
        case "link":
            (tmp_path / "elsewhere").mkdir(mode=0o700)
            folder.symlink_to(tmp_path / "elsewhere")
        case "file":
            folder.touch(mode=0o600)
        case _:
            folder.mkdir(mode=0o700)
            monkeypatch.setattr(os, "getuid", lambda: 12345)
    monkeypatch.setattr(wake, "PRIVATE_FOLDER", str(folder))
    with pytest.raises(SocketFolderUnsafe, match="name a shorter folder"):
        choose_socket_address(Path("/tmp") / ("x" * 200) / "relay.sock")


@pytest.mark.parametrize("name", ["C#", "a?b", "100%", "a,b", "a:b", "back\\slash", "$HOME", "ñandú", "it's"])
def test_the_native_stack_refuses_what_javas_files_cannot_carry(name: str) -> None:
    with pytest.raises(native.NameUnfit, match="Name another folder"):
        native.require_name(Path("/tmp") / name)
    native.require_name(Path("/tmp/a plain (name)/v1.2_x-y@z"))

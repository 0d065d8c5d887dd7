"""Debezium Server as the capture, and MySQL 9.7: what is rendered, refused, downloaded and unpacked; nothing is started."""

from __future__ import annotations

import contextlib
import io
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connectors import server_properties
from connectors.admin import AdminRefused
from settings import Settings
from settings.stack_facts import DEBEZIUM_SERVER
from stacks import debezium_server as capture
from stacks.captures import capture_of
from stacks.choices import ChoiceRefused, require_possible
from stacks.native import archives, debian, debian_mysql, mysql, provision
from stacks.native import debezium_server as program
from stacks.native.artifacts import Artifact, read_artifacts
from stacks.native.provision import provisioned_marker


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(
        stack="native", capture="debezium-server", home=tmp_path, debezium_password="hidden", pulsar_url="pulsar://b:1"
    )
    settings.run.mkdir()
    return settings


def test_the_properties_name_the_instance_and_hold_no_password(settings: Settings) -> None:
    text = server_properties.render(settings)
    properties = dict(line.split("=", 1) for line in text.splitlines())
    assert properties["debezium.sink.pulsar.client.serviceUrl"] == "pulsar://b:1"
    assert properties["debezium.source.offset.storage.file.filename"] == str(server_properties.offsets_file(settings))
    assert properties["debezium.source.database.password"] == "${ALPES_DEBEZIUM_PASSWORD}"
    assert "hidden" not in text
    assert server_properties.secrets(settings) == {"ALPES_DEBEZIUM_PASSWORD": "hidden"}


def test_it_starts_only_when_schema_and_topics_exist(settings: Settings) -> None:
    part = program.part(settings)
    assert part.name == DEBEZIUM_SERVER.component
    assert part.waits_for == provisioned_marker(settings)
    assert part.command.argv[-1] == program.MAIN


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"stack": "native", "mysql_version": "9.7"}, "add --capture debezium-server"),
        ({"stack": "embedded", "capture": "debezium-server"}, "there is one on: native, external"),
        ({"stack": "external", "capture": "debezium-server", "pulsar_url": "pulsar+ssl://b:1"}, "ALPES_PULSAR_URL"),
        ({"stack": "external", "capture": "debezium-server", "pulsar_token": "t"}, "ask for them: ALPES_PULSAR_TOKEN"),
        ({"stack": "compose", "mysql_version": "9.7"}, "choose --stack native"),
        ({"stack": "native", "capture": "debezium-server", "secure": True}, "without TLS and tokens only"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, changes: dict[str, Any], refusal: str) -> None:
    with pytest.raises(ChoiceRefused, match=refusal):
        require_possible(Settings(home=tmp_path, **changes))


def test_what_goes_together_is_not_refused(settings: Settings) -> None:
    require_possible(settings.model_copy(update={"mysql_version": "9.7"}))
    require_possible(
        Settings(stack="external", capture="debezium-server", home=settings.home, pulsar_url="pulsar://b:1")
    )
    require_possible(Settings(stack="external", home=settings.home, pulsar_url="pulsar+ssl://b:1", pulsar_token="t"))
    assert isinstance(capture_of(settings), capture.DebeziumServer)


@pytest.mark.parametrize(("stack", "is_tried_again"), [("native", True), ("external", False)])
def test_a_cluster_that_shows_no_sources_is_taken_to_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: Any, is_tried_again: bool
) -> None:
    requests: list[str] = []

    def source_exists(name: str) -> bool:
        requests.append(name)
        if len(requests) == 1:
            raise AdminRefused(503, "there is no functions worker")
        return False

    admin = SimpleNamespace(source_exists=source_exists)
    monkeypatch.setattr(provision, "Admin", lambda *_, **__: contextlib.nullcontext(admin))
    provision.remove_source(Settings(stack=stack, capture="debezium-server", home=tmp_path))
    assert len(requests) == 1 + is_tried_again


def test_it_loses_its_offsets_and_keeps_the_schema_history(settings: Settings) -> None:
    offsets = server_properties.offsets_file(settings)
    offsets.parent.mkdir(parents=True)
    history = offsets.with_name("schema-history.jsonl")
    offsets.touch()
    history.touch()
    capture_of(settings).lose_offsets(cast(Any, SimpleNamespace()))
    assert (offsets.exists(), history.exists()) == (False, True)


def test_a_process_without_a_connection_to_the_database_waits(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "control", lambda _: SimpleNamespace(pid=lambda _part: 7))
    monkeypatch.setattr(capture, "is_connected", lambda pid, _port: pid != 7)
    assert capture_of(settings).check(cast(Any, None)).message.code == "health.waits"
    monkeypatch.setattr(capture, "is_connected", lambda *_: True)
    assert capture_of(settings).check(cast(Any, None)).light == "ok"


def test_files_of_an_archive_are_taken_out_of_the_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = _make_tar({"a/x.jar": b"x", "a/y.jar": b"y"}, "w:gz")
    monkeypatch.setattr(archives, "_open", lambda _: io.BytesIO(content))
    files = archives.extract("g:a:tar.gz:1", {"a/y.jar"}, tmp_path)
    assert files["a/y.jar"].read_bytes() == b"y"
    with pytest.raises(archives.ArchiveUnreadable, match="has no a/z"):
        archives.extract("g:a:tar.gz:1", {"a/z.jar"}, tmp_path)


def test_a_package_is_unpacked_without_dpkg(tmp_path: Path) -> None:
    package, data = tmp_path / "p.deb", _make_tar({"./usr/bin/p": b"program"}, "w:xz")
    members = [(b"debian-binary", b"2.0\n"), (b"control.tar.xz", b"odd"), (b"data.tar.xz", data)]
    package.write_bytes(
        b"!<arch>\n"
        + b"".join(
            name.ljust(48) + str(len(content)).encode().ljust(10) + b"`\n" + content + b"\n" * (len(content) % 2)
            for name, content in members
        )
    )
    debian.unpack(package, tmp_path / "root")
    assert (tmp_path / "root/usr/bin/p").read_bytes() == b"program"
    package.write_bytes(b"no package")
    with pytest.raises(ValueError, match="no Debian package"):
        debian.unpack(package, tmp_path / "root")


def test_data_of_another_version_are_refused(tmp_path: Path) -> None:
    data = tmp_path / "mysql"
    mysql.require_same_version(data, "9.7")
    data.mkdir()
    (data / "mysql.ibd").touch()
    mysql.require_same_version(data, "9.7")
    with pytest.raises(mysql.MysqlUnusable, match=r"--mysql 9\.7"):
        mysql.require_same_version(data, "8.0")


def test_the_lock_has_what_both_need() -> None:
    assert read_artifacts([program.GROUP])[0].path.name.endswith("runner.jar")
    packages = read_artifacts([debian_mysql.GROUP])
    assert any(debian_mysql.VERSION in artifact.path.name for artifact in packages)
    assert Artifact("g", "debian:pool/main/x/x_1_amd64.deb", 1, "").path.name == "x_1_amd64.deb"


def _make_tar(contents: dict[str, bytes], mode: Any) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode=mode) as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return output.getvalue()

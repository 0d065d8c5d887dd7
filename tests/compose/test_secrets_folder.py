"""`./alpes compose secrets DIR`: what it makes is what compose.prod.yml mounts, and a second call keeps it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import make_url
from typer.testing import CliRunner

from cli.app import app
from db.users import read_passwords, render_script
from settings import Settings
from stacks.compose import model, secrets_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    secrets_folder.make(tmp_path / "secrets")
    return tmp_path / "secrets"


def test_every_file_that_production_mounts_is_made(folder: Path) -> None:
    mounted = {row["file"] for row in model.production({"ALPES_SECRETS": str(folder)})["secrets"].values()}
    made = {str(path) for path in folder.rglob("*") if path.is_file()}
    assert mounted <= made
    # For whoever signs further certificates, and for clients outside that send commands.
    assert {Path(name).name for name in made - mounted} == {"ca.key", "publisher.jwt"}


def test_the_folder_is_its_owners_and_its_files_are_for_the_containers(folder: Path) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*")) if path.is_dir()} == {0o700}
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
    assert modes.pop("ca.key") == 0o600
    assert set(modes.values()) == {0o444}


def test_a_second_call_keeps_every_secret_and_what_its_owner_wrote(folder: Path) -> None:
    def contents() -> dict[str, bytes]:
        kept = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".p12")
        return {path.name: path.read_bytes() for path in kept}

    (folder / "alpes_database_url").unlink()
    (folder / "alpes_database_url").write_text("mysql+pymysql://alpes:mine@db.example:3306/alpes")
    before = contents()
    (folder / "notes").write_text("somebody's own")
    secrets_folder.make(folder)
    assert (folder / "notes").stat().st_mode & stat.S_IWUSR
    (folder / "notes").unlink()
    assert contents() == before


def test_the_services_can_use_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPES_SECRETS_DIR", str(folder))
    settings = Settings(stack="compose", secure=True, database_tls_ca=folder / "tls" / "ca.pem")
    password = settings.debezium_password.get_secret_value()
    # Every password is one that MySQL's users may have.
    assert render_script(
        read_passwords(settings.admin_url, settings.database_url, settings.worker_url, password, root="kept")
    )
    for url in (settings.database_root_url, settings.admin_url, settings.database_url, settings.worker_url):
        assert make_url(url).query["ssl_ca"] == str(folder / "tls" / "ca.pem")
        assert (make_url(url).host, make_url(url).password) != ("mysql", None)
    assert (folder / "mysql_root_password").read_text() == make_url(settings.database_root_url).password


@pytest.mark.parametrize("server", ["broker", "mysql"])
def test_a_certificate_names_the_services_hosts(folder: Path, server: str) -> None:
    certificate = x509.load_pem_x509_certificate((folder / "tls" / f"{server}.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"pulsar", "mysql", "localhost"}


def test_the_verb_says_what_comes_next_and_where_it_cannot_write(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["compose", "secrets", str(tmp_path / "secrets")])
    assert done.exit_code == 0
    assert f"ALPES_SECRETS={tmp_path / 'secrets'} docker compose" in done.stdout
    (tmp_path / "file").write_text("")
    refused = CliRunner().invoke(app, ["compose", "secrets", str(tmp_path / "file" / "secrets")])
    assert refused.exit_code != 0

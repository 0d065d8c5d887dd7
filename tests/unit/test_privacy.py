"""What an instance writes is for its owner alone, and no part has more of the broker than it needs."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from connectors.admin import Admin
from settings import Settings
from stacks.command import Command, Part
from stacks.native import pulsar, roles, secure
from stacks.native.provision import ProvisionFailed, _is_closed_to_strangers
from stacks.privacy import RIGHTS_OF_OTHERS, close_home, private_files
from stacks.python_parts import list_python_parts
from stacks.supervisor import Supervisor


def test_a_home_that_was_open_is_closed_with_all_that_lies_in_it(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    (home / "data").mkdir(parents=True)
    outside.write_text("another's")
    (home / "data" / "alpes.db").write_text("rows")
    (home / "link").symlink_to(outside)
    for path in (home, home / "data", home / "data" / "alpes.db", outside):
        path.chmod(0o755)
    close_home(home)
    assert [
        path for path in (home, *home.rglob("*")) if not path.is_symlink() and path.stat().st_mode & RIGHTS_OF_OTHERS
    ] == []
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755
    assert (home / "data" / "alpes.db").read_text() == "rows"


def test_what_is_made_meanwhile_is_private_and_the_mask_comes_back(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with private_files():
            (tmp_path / "made").write_text("x")
        (tmp_path / "after").write_text("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "after").stat().st_mode) == 0o644


def test_every_part_has_the_private_mask(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    parts = [Part("one", Command(("true",), tmp_path)), Part("two", Command(("true",), tmp_path))]
    Supervisor(settings).write_config(parts)
    assert (tmp_path / "run" / "supervisord.conf").read_text().count("umask=077") == len(parts)


def _conf(home: Path, **changes: object) -> dict[str, str]:
    settings = Settings.model_validate({"home": home, "stack": "native", **changes})
    return secure.broker_conf(settings.model_copy(update=secure.prepare(settings)))


@pytest.mark.parametrize("secured", [False, True])
def test_the_native_brokers_rest_wants_a_token_from_the_first_start(tmp_path: Path, secured: bool) -> None:
    conf = _conf(tmp_path, secure=secured)
    assert (conf["authenticationEnabled"], conf["authorizationEnabled"]) == ("true", "true")
    assert set(conf["superUserRoles"].split(",")) == {"admin", "functions"}
    assert ("anonymousUserRole" in conf) is not secured
    assert conf.get("anonymousUserRole") not in roles.SUPERUSERS
    rules = pulsar.configuration("source.btm", {})
    assert "METHOD authenticateHttpRequest" in rules
    assert "AuthenticationException" in rules


def test_a_rest_that_answers_strangers_fails_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path, stack="native", pulsar_admin_url="http://127.0.0.1:1")
    with Admin(settings) as admin:
        monkeypatch.setattr(Admin, "answers_without_token", lambda _: False)
        assert _is_closed_to_strangers(admin, settings)
        monkeypatch.setattr(Admin, "answers_without_token", lambda _: True)
        with pytest.raises(ProvisionFailed, match="without a token"):
            _is_closed_to_strangers(admin, settings)


def test_in_the_secured_stack_no_part_but_the_watcher_has_a_superusers_token(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, stack="native", secure=True)
    settings = settings.model_copy(update=secure.prepare(settings))
    for part in list_python_parts(settings):
        env = part.command.env
        tokens = {Path(env.get(f"ALPES_PULSAR{name}TOKEN_FILE", "")).stem for name in ("_", "_ADMIN_")}
        assert tokens == ({""} if part.name == "watcher" else {part.name}), part.name

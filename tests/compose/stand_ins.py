"""The base images that the Docker files name, built from packages and locked artifacts where they cannot be pulled.

Each has the documented interface of the official one: names, tags, paths, users, ports and variables. `contract()` is
what the Docker files expect of them.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from settings.model import REPOSITORY
from stacks.compose import model
from stacks.native import mysql
from stacks.native.artifacts import Artifact, download_missing, read_artifacts
from tests.compose.engine import Engine, NoDocker, mirror

IMAGES = Path(__file__).with_name("images")
TOOLS = IMAGES / "tools.lock"
PROXY = IMAGES / "proxy.lock"
SYSTEMS = {
    "bookworm": (
        "python3",
        "python3-venv",
        "ca-certificates",
        "libaio1",
        "libnuma1",
        "curl",
        "procps",
        "mariadb-client",
    ),
    "trixie": ("ca-certificates", "openjdk-21-jre-headless", "curl", "procps", "busybox"),
}
"""Debian's suites with what the images on them need."""
LABEL = "alpes.made-of"
"""What a stand-in was made from: it is made anew when that has changed."""
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
FROM_THE_BROKER = ("com.fasterxml.jackson", "org.apache.logging.log4j")
"""Packages of the broker's lock that its command line programs use too: one version for all parts of each."""
FOR_THE_PROXY = (
    *FROM_THE_BROKER,
    "io.opentelemetry",
    "com.google.cloud.opentelemetry",
    "org.apache.pulsar:pulsar-opentelemetry:",
)
"""The same for the proxy. The registry has it, as the command line programs, in an older version, whose own
`pulsar-opentelemetry` is missing there."""


def names() -> dict[str, str]:
    """{kind: full name with tag}, as the Docker files have them."""
    dockerfile = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    bases = re.findall(r"^FROM ((python|apachepulsar/pulsar):\S+)", dockerfile, re.MULTILINE)
    found = {kind.rpartition("/")[2]: name for name, kind in bases}
    return found | {"mysql": model.demo()["services"]["mysql"]["image"]}


def build(engine: Engine) -> None:
    """Make what is missing or made from something else. Raises NoDocker or FetchFailed."""
    umask = os.umask(0o022)  # `./alpes` makes its files for the owner alone, and an image's are for its users
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda suite: _system(engine, suite), SYSTEMS))
        for kind, name in names().items():
            _image(engine, kind, name)
    finally:
        os.umask(umask)


def _system(engine: Engine, suite: str) -> None:
    name = f"alpes-stand-in:{suite}"
    made_of = " ".join(SYSTEMS[suite])
    if _made_of(engine, name) == made_of:
        return
    root = engine.cache / "systems" / suite
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    words = ["debootstrap", "--variant=minbase", f"--include={','.join(SYSTEMS[suite])}", suite, str(root), mirror()]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoDocker(f"debootstrap {suite} failed: {done.stdout[-500:]}")
    for waste in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man"):
        shutil.rmtree(root / waste)
        (root / waste).mkdir()
    packed = subprocess.Popen(["tar", "--directory", str(root), "--create", "."], stdout=subprocess.PIPE)
    taken = subprocess.run(
        ["docker", "import", "--change", f'LABEL {LABEL}="{made_of}"', "-", name],
        stdin=packed.stdout,
        env=os.environ | engine.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if packed.wait() != 0 or taken.returncode != 0:
        raise NoDocker(f"{name} could not be imported: {taken.stderr}")
    shutil.rmtree(root)


def _image(engine: Engine, kind: str, name: str) -> None:
    made_of = _digest(kind)
    if _made_of(engine, name) == made_of:
        return
    folder = engine.cache / "contexts" / kind
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(IMAGES / kind, folder)
    if kind == "python":
        shutil.copyfile(AUTHORITIES, folder / AUTHORITIES.name)
    elif kind == "mysql":
        shutil.copytree(_server(), folder / "server", copy_function=_linked, symlinks=True)
    else:
        _broker(folder)
    engine.docker("build", "--quiet", "--label", f"{LABEL}={made_of}", "--tag", name, str(folder))
    shutil.rmtree(folder)


def _server() -> Path:
    """The folder of the MySQL server that the native stack unpacks."""
    if mysql.on_path():
        raise NoDocker("a mysqld is on the PATH; the stand-in is made from the one that `./alpes download` unpacks")
    download_missing(read_artifacts(["mysql"]))
    return mysql.obtain().binary.parent.parent


def _broker(folder: Path) -> None:
    broker, tools, proxy = (
        read_artifacts(["pulsar"]),
        read_artifacts(["tools"], TOOLS),
        read_artifacts(["proxy"], PROXY),
    )
    download_missing(broker + tools + proxy)
    _libraries(folder / "lib", broker)
    _libraries(folder / "tools", tools + _of(broker, FROM_THE_BROKER))
    _libraries(folder / "proxy", proxy + _of(broker, FOR_THE_PROXY))


def _of(broker: list[Artifact], packages: tuple[str, ...]) -> list[Artifact]:
    return [artifact for artifact in broker if artifact.coordinate.startswith(packages)]


def _libraries(folder: Path, artifacts: list[Artifact]) -> None:
    """The jars in a folder, and their class path in a file."""
    folder.mkdir()
    for artifact in artifacts:
        _linked(str(artifact.path), str(folder / _file(artifact)))
    lines = [f"/pulsar/{folder.name}/{_file(artifact)}\n" for artifact in artifacts]
    (folder / "CLASSPATH").write_text("".join(lines))


def _file(artifact: Artifact) -> str:
    """Two groups may have an artifact of the same name."""
    return f"{artifact.coordinate.partition(':')[0]}-{artifact.path.name}"


def _linked(source: str, target: str) -> None:
    """A second name for the file where that is possible: the contexts are large."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _made_of(engine: Engine, name: str) -> str:
    found = subprocess.run(
        ["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', name],
        env=os.environ | engine.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() if found.returncode == 0 else ""


def _digest(kind: str) -> str:
    """Of everything an image is made from but the files that locks name."""
    found = hashlib.sha256()
    locks = (TOOLS, PROXY, REPOSITORY / "stacks" / "native" / "artifacts.lock")
    files = [path for path in sorted((IMAGES / kind).rglob("*")) if path.is_file()]
    for path in (*files, *locks, *([AUTHORITIES] if kind == "python" else [])):
        found.update(path.name.encode() + path.read_bytes())
    found.update(repr((SYSTEMS, FROM_THE_BROKER, FOR_THE_PROXY)).encode())
    return found.hexdigest()[:16]

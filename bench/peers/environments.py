"""Where contenders run: this environment, the peers' own (made once, from requirements.txt), and Java (built once by Maven).

Both are kept in the cache folder under names that hold the hash of what they were made from.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

from bench.peers.processes import say
from stream_app.local.paths import cache_root
from stream_app.local.tools import find_java, find_maven

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COMPILED = ROOT / "build" / "compiled"
_INSTALL_S = 600


class SetupFailed(Exception):
    """An environment could not be made: one line."""


@dataclass(frozen=True)
class Engine:
    """What of stream_app a contender runs: `path` goes first on PYTHONPATH; `words` say it in the table."""

    path: Path
    words: str


def find_engine() -> Engine:
    """The compiled engine of `make compile` where there is one, else the sources."""
    built = COMPILED / ".up-to-date"
    if not any(COMPILED.glob("stream_app/engine/*.so")):
        return Engine(ROOT, "engine not compiled")
    newest = max(file.stat().st_mtime for file in (ROOT / "stream_app").rglob("*.py"))
    stale = "" if built.is_file() and built.stat().st_mtime >= newest else ", older than the sources"
    return Engine(COMPILED, f"engine compiled by mypyc{stale}")


def peers_python() -> Path:
    """The Python of the peers' environment; makes it where there is none."""
    wanted = HERE / "requirements.txt"
    home = cache_root() / f"peers-{sys.version_info.major}.{sys.version_info.minor}-{_hash(wanted)}"
    python = home / "bin" / "python"
    ready = home / ".ready"
    if not ready.exists():
        say("making the peers' environment (once)")
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        _run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "-r", wanted])
        ready.touch()
    return python


def half_life_jars() -> Path:
    """The folder with the Kafka Streams job and its dependencies; builds it where there is none."""
    project = HERE / "kafka-streams"
    sources = sorted(project.rglob("*.java"))
    home = cache_root() / f"half-life-{_hash(project / 'pom.xml', *sources)}"
    if home.is_dir():
        return home
    say("building the Kafka Streams job with Maven (once)")
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix="half-life-build-") as directory:
        target = Path(directory)
        _run([find_maven(), "-q", "-B", "-f", project / "pom.xml", f"-Dbench.target={target}", "package"])
        (target / "half-life.jar").rename(target / "libs" / "half-life.jar")
        (target / "libs").rename(home)
    return home


def java() -> Path:
    """The Java that runs the broker runs the job too."""
    return find_java()


def python_path(first: Path) -> dict[str, str]:
    """The environment of a Python contender: `first`, then this working tree (for bench itself)."""
    return {"PYTHONPATH": os.pathsep.join(map(str, dict.fromkeys((first, ROOT))))}


def _hash(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:8]


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=_INSTALL_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines() or ["no reason given"]
        raise SetupFailed(f"{command[0]} failed: {next((line for line in lines if 'ERROR' in line), lines[-1])[:300]}")

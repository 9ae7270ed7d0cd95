"""Apache Kafka's jars, fetched once through Maven into the cache folder."""

import fcntl
import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from stream_app.local.errors import LocalServiceError
from stream_app.local.paths import cache_root
from stream_app.local.process import KeptProcess
from stream_app.local.tools import find_maven

Progress = Callable[[str], None]
"""Takes one line about what is going on, for a person who waits."""

_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def kafka_version() -> str:
    """The version of Kafka that the packaged pom names."""
    match = re.search(r"<kafka\.version>([^<]+)</kafka\.version>", _pom())
    if match is None:
        raise LocalServiceError("the packaged pom.xml names no kafka.version")
    return match.group(1)


def ensure_jars(progress: Progress) -> Path:
    """The folder of Kafka's jars; fetches them with Maven where the cache has none.

    Safe to call from several processes at once: one fetches, the others wait. A fetch that was cut short leaves
    nothing behind that looks complete. Raises LocalServiceError where Maven is missing or fails.
    """
    # Named after the pom too, so that a changed list of jars never mixes with those of a broker that runs.
    home = cache_root() / f"kafka-{kafka_version()}-{hashlib.sha256(_pom().encode()).hexdigest()[:8]}"
    if home.is_dir():
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    with _locked(home.parent / "kafka.lock", progress):
        if not home.is_dir():
            _fetch(home, progress)
    return home


def _pom() -> str:
    return resources.files("stream_app.local").joinpath("pom.xml").read_text()


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another process that fetches Kafka")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(home: Path, progress: Progress) -> None:
    maven = find_maven()
    progress(f"fetching Kafka {kafka_version()} with Maven (43 MB, once)")
    for leftover in home.parent.glob("fetch-*"):  # of a process that was killed: we hold the lock
        shutil.rmtree(leftover)
    work = Path(tempfile.mkdtemp(prefix="fetch-", dir=home.parent))
    try:
        (work / "pom.xml").write_text(_pom())
        _run_maven(maven, work, progress)
        if not any((work / "libs").glob("kafka_2.13-*.jar")):
            raise LocalServiceError(f"Maven ended well but copied no Kafka into {work / 'libs'}")
        (work / "libs").rename(home)
    finally:
        shutil.rmtree(work)


def _run_maven(maven: Path, work: Path, progress: Progress) -> None:
    command = [str(maven), "-B", "-C", "-f", "pom.xml", _COPY, "-DincludeScope=runtime"]
    log = work / "maven.log"
    process = KeptProcess([*command, f"-DoutputDirectory={work / 'libs'}"], log, work)
    try:
        while (code := process.wait(2.0)) is None:
            progress(f"fetching Kafka: {log.read_text(errors='replace').count('Downloaded from')} files")
    finally:
        process.kill()
    if code != 0:
        errors = re.findall(r"\[ERROR\] *(.+)", log.read_text(errors="replace")) or ["no reason given"]
        raise LocalServiceError(f"Maven could not fetch Kafka (exit {code}): {errors[0][:300]}")

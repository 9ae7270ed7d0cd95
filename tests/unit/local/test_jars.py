"""Fetching Kafka: once, completely or not at all. A script stands for Maven, as the network is not asked here."""

import subprocess
import sys
from pathlib import Path

import pytest

from stream_app.local.errors import LocalServiceError
from stream_app.local.jars import ensure_jars, kafka_version
from stream_app.local.process import wait_until

_FETCHES = """#!/bin/sh
echo run >> "$COUNTER"
for last; do :; done
out=${last#-DoutputDirectory=}
mkdir -p "$out"
echo x > "$out/scala-library.jar"
echo "[INFO] Downloaded from central: x"
sleep ${PAUSE:-0}
echo x > "$out/kafka_2.13-4.jar"
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and a PATH on which `mvn` is what `maven` writes."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COUNTER", str(tmp_path / "count"))
    monkeypatch.delenv("MAVEN_HOME", raising=False)
    return tmp_path / "cache" / "stream-app"


def maven(tmp_path: Path, script: str) -> None:
    (tmp_path / "bin" / "mvn").write_text(script)
    (tmp_path / "bin" / "mvn").chmod(0o755)


def folders(cache: Path) -> list[str]:
    return sorted(entry.name for entry in cache.iterdir() if entry.is_dir())


def test_jars_are_fetched_once(tmp_path: Path, cache: Path) -> None:
    """The second time they are simply there, and nothing is said."""
    maven(tmp_path, _FETCHES)
    said: list[str] = []
    home = ensure_jars(said.append)
    assert sorted(jar.name for jar in home.iterdir()) == ["kafka_2.13-4.jar", "scala-library.jar"]
    assert said == [f"fetching Kafka {kafka_version()} with Maven (43 MB, once)"]
    assert ensure_jars(said.append) == home
    assert len(said) == 1
    assert folders(cache) == [home.name]


def test_reason_of_a_failed_fetch_is_told(tmp_path: Path, cache: Path) -> None:
    """Maven's first error is the message, and the cache stays empty."""
    maven(
        tmp_path, "#!/bin/sh\necho '[ERROR] Could not transfer artifact: unknown host'\necho '[ERROR] Help'\nexit 1\n"
    )
    with pytest.raises(LocalServiceError, match=r"Maven could not fetch Kafka \(exit 1\): Could not transfer artifact"):
        ensure_jars(lambda line: None)
    assert folders(cache) == []


_FETCH = "from stream_app.local.jars import ensure_jars; import sys; print(ensure_jars(lambda line: None))"


def test_two_processes_fetch_once(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One fetches while the other waits for it."""
    maven(tmp_path, _FETCHES)
    monkeypatch.setenv("PAUSE", "0.5")
    both = [subprocess.Popen([sys.executable, "-c", _FETCH], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    homes = [process.communicate(timeout=60)[0] for process in both]
    assert homes[0] == homes[1] != ""
    assert (tmp_path / "count").read_text() == "run\n"


def test_fetch_that_was_killed_leaves_nothing_that_looks_complete(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next process clears the leftovers and fetches anew."""
    maven(tmp_path, _FETCHES)
    monkeypatch.setenv("PAUSE", "60")
    first = subprocess.Popen([sys.executable, "-c", _FETCH])
    assert wait_until(lambda: list(cache.glob("fetch-*/libs/scala-library.jar")) != [], 30)
    first.kill()
    first.wait()
    assert [name for name in folders(cache) if name.startswith("kafka-")] == []
    monkeypatch.setenv("PAUSE", "0")
    home = ensure_jars(lambda line: None)
    assert folders(cache) == [home.name]

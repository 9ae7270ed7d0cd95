"""`stream-app demo`: a real broker, a real worker, and nothing left of them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from stream_app.contracts import validator
from stream_app.local.process import ProcessIdentity, wait_until
from stream_app.local.state import read_records

_COMMAND = [sys.executable, "-c", "from stream_app.cli import main; main()", "demo"]
_EVENTS = Path(__file__).resolve().parents[2] / "examples" / "events.ndjson"


def _processes_of(folder: Path) -> list[int]:
    """The processes that have this folder on their command line, keepers included."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and ProcessIdentity.of(int(entry.name)) is not None:
            try:
                words = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(folder).encode() in words:
                found.append(int(entry.name))
    return found


def _demo_topics(broker: str) -> set[str]:
    async def script() -> set[str]:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker)
        await admin.start()
        try:
            return {name.partition(".")[0] for name in await admin.list_topics() if name.startswith("demo-")}
        finally:
            await admin.close()

    return asyncio.run(script())


@pytest.fixture
def shared(broker: str, valkey: str, tmp_path: Path) -> dict[str, str]:
    """An environment with the session's servers; what a demo writes goes below `tmp_path`."""
    return os.environ | {"KAFKA_BROKER": broker, "REDIS_URL": valkey, "TMPDIR": str(tmp_path)}


@pytest.fixture
def alone(kafka_server: object, tmp_path: Path) -> dict[str, str]:
    """An environment in which a demo starts its own servers (`kafka_server`: or is skipped where there is no Java)."""
    own = {"KAFKA_BROKER": "", "REDIS_URL": "", "XDG_STATE_HOME": str(tmp_path / "state"), "TMPDIR": str(tmp_path)}
    return os.environ | own


def _run(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*_COMMAND, *words], env=environ, capture_output=True, text=True, timeout=110, check=False)


@contextmanager
def _running(environ: dict[str, str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo that has printed its first transition."""
    with log.open("w") as errors:
        process = subprocess.Popen([*_COMMAND, "--json"], env=environ, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        try:
            assert json.loads(process.stdout.readline() or "null"), log.read_text()
            yield process
        finally:
            process.kill()
            process.stdout.close()
            process.wait()


def test_ten_seconds_of_demo(shared: dict[str, str], broker: str, tmp_path: Path) -> None:
    """Transitions as NDJSON that keep the contract, the summary apart from them; then no process and no topic is left."""
    done = _run(shared, "--for", "10s", "--json")
    assert done.returncode == 0, done.stderr
    transitions = [json.loads(line) for line in done.stdout.splitlines()]
    accept = validator("transitions.schema.json")
    assert all(accept.is_valid(transition) for transition in transitions)
    assert {(one["ladder"], one["to"]) for one in transitions} >= {("lifecycle", "mql"), ("lifecycle", "sql")}
    assert f"{len(transitions):,} transitions" in done.stderr
    assert "dead letters: " in done.stderr
    assert _processes_of(tmp_path) == []
    assert _demo_topics(broker) == set()
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith("stream-app-demo")] == []


def test_ones_own_events_and_model(shared: dict[str, str]) -> None:
    """A file is played to its end, and then the demo is over; without a terminal a transition is a line."""
    done = _run(shared, "--events", str(_EVENTS), "--model", "minimal")
    assert done.returncode == 0, done.stderr
    count = len(_EVENTS.read_text().splitlines())
    assert f"{count} events sent and {count} scored" in done.stderr
    assert "lifecycle lead → mql" in done.stdout


@pytest.mark.timeout(240)
def test_own_servers_end_with_it_even_when_it_is_killed(alone: dict[str, str], tmp_path: Path) -> None:
    """SIGKILL leaves no process. The next demo clears away what the killed one had on the broker; told to end (SIGTERM),
    it sums up and leaves nothing either."""
    with _running(alone, tmp_path / "killed.log") as killed:
        servers = [record.pid for record in read_records(tmp_path / "state" / "stream-app").values()]
        assert len(servers) == 2
        assert len(_processes_of(tmp_path)) >= 5  # Kafka, the worker, three keepers; Valkey gives itself a title
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    assert wait_until(lambda: _processes_of(tmp_path) == [], 40), _processes_of(tmp_path)
    assert [pid for pid in servers if pid is not None and ProcessIdentity.of(pid) is not None] == []

    log = tmp_path / "ended.log"
    with _running(alone, log) as ended:
        record = read_records(tmp_path / "state" / "stream-app")["kafka"]
        assert wait_until(lambda: len(_demo_topics(f"127.0.0.1:{record.port}")) == 1, 20)
        ended.send_signal(signal.SIGTERM)
        assert ended.stdout is not None
        for _ in ended.stdout:  # to the end, or the pipe would fill
            continue
        assert ended.wait(60) == 0, log.read_text()
    assert "first transition" in log.read_text()
    assert _processes_of(tmp_path) == []


def test_a_reader_who_has_had_enough_ends_it(shared: dict[str, str], tmp_path: Path) -> None:
    """`stream-app demo | head -1`: no traceback, no process."""
    log = tmp_path / "log"
    with _running(shared, log) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=60) == 0
    assert "Traceback" not in log.read_text()
    assert _processes_of(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--events", "/nowhere.ndjson"], "/nowhere.ndjson: No such file or directory"),
        (["--model", "nonesuch"], "nonesuch"),
        (["--for", "soon"], "expected a duration such as 30s"),
        (["--rate", "0"], "--rate"),
    ],
)
def test_wrong_usage_starts_nothing(shared: dict[str, str], tmp_path: Path, words: list[str], told: str) -> None:
    """Exit code 2 and what is wrong."""
    done = _run(shared | {"KAFKA_BROKER": ""}, *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert "starting" not in done.stderr
    assert _processes_of(tmp_path) == []

"""`stream-app up`, `down` and `status`, as commands."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stream_app.local import services
from stream_app.local.errors import LocalServiceError
from stream_app.local.process import ProcessIdentity, free_port, wait_until
from stream_app.local.state import Record, read_records, write_records

_COMMAND = [sys.executable, "-c", "from stream_app.cli import main; main()"]


def processes_of(folder: Path, word: bytes = b"") -> list[int]:
    """The processes that have this folder, and this word, on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and ProcessIdentity.of(int(entry.name)) is not None:
            try:
                words = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(folder).encode() in words and word in words and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder; whatever runs in it is ended after the test."""
    path = tmp_path / "state"
    yield path
    services.down(path, {}, lambda line: None)
    assert wait_until(lambda: processes_of(path) == [], 30)


@pytest.fixture
def environ(broker: str) -> dict[str, str]:
    """An environment in which Kafka is somebody else's (the session's), so that only Valkey is started: that is quick."""
    return os.environ | {"KAFKA_BROKER": broker, "REDIS_URL": ""}


@pytest.fixture
def alone() -> dict[str, str]:
    """An environment in which both services are our own."""
    return os.environ | {"KAFKA_BROKER": "", "REDIS_URL": ""}


def run(environ: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_COMMAND, *map(str, words)], env=environ, capture_output=True, text=True, timeout=100, check=False
    )


def told(environ: dict[str, str], *words: str | Path) -> dict[str, dict[str, Any]]:
    """What a command prints as JSON, by service."""
    done = run(environ, *words, "--json")
    assert done.stdout, done.stderr
    return {one["service"]: one for one in json.loads(done.stdout)}


def test_both_services_from_up_to_wipe(folder: Path, broker: str, alone: dict[str, str]) -> None:
    """Up starts both, up again starts nothing, down ends both and keeps the data and the ports, wipe removes the data."""
    first = told(alone, "up", "--data-dir", folder)
    assert [first[name]["state"] for name in ("kafka", "valkey")] == ["running", "running"]
    assert told(alone, "up", "--data-dir", folder) == first
    assert run(alone, "status", "--data-dir", folder).returncode == 0

    gone = told(alone, "down", "--data-dir", folder)
    assert [gone[name]["state"] for name in ("kafka", "valkey")] == ["stopped", "stopped"]
    assert processes_of(folder) == []
    assert run(alone, "status", "--data-dir", folder).returncode == 1
    assert (folder / "kafka" / "records").is_dir()
    assert {name: f"127.0.0.1:{record.port}" for name, record in read_records(folder).items()} == {
        name: status["address"] for name, status in first.items()
    }

    run(alone, "down", "--data-dir", folder, "--wipe")
    assert [entry.name for entry in folder.iterdir()] == ["services.lock"]


@pytest.mark.parametrize(
    ("ending", "stage"),
    [
        (signal.SIGKILL, b"kafka.tools.StorageTool"),
        (signal.SIGKILL, b"kafka.Kafka"),
        (signal.SIGINT, b"kafka.Kafka"),
        (signal.SIGTERM, b"kafka.Kafka"),
    ],
)
def test_up_that_is_cut_short_leaves_no_process(
    folder: Path, broker: str, alone: dict[str, str], ending: signal.Signals, stage: bytes
) -> None:
    """Ctrl-C and kill -9 in the middle of a start end what was started so far, and nothing is remembered as running."""
    up = subprocess.Popen([*_COMMAND, "up", "--data-dir", str(folder)], env=alone, stderr=subprocess.PIPE)
    with up:
        assert wait_until(lambda: len(processes_of(folder, stage)) > 0, 60)
        up.send_signal(ending)
    assert up.returncode != 0
    assert wait_until(lambda: processes_of(folder) == [], 30)
    assert {one.state for one in services.status(folder, {})} == {"stopped"}


def test_two_ups_at_once_start_one_service(folder: Path, environ: dict[str, str]) -> None:
    """The second waits for the first and finds its work done."""
    command = [*_COMMAND, "up", "--json", "--data-dir", str(folder)]
    both = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [json.loads(process.communicate(timeout=100)[0]) for process in both]
    assert outputs[0] == outputs[1]
    assert outputs[0][0]["state"] == "running"


def test_taken_port_is_left_alone_and_the_new_one_remembered(folder: Path, environ: dict[str, str]) -> None:
    """A service moves away from a port that is taken, and comes back to the one it moved to."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        folder.mkdir()
        write_records(folder, {"valkey": Record(port=port)})
        moved = told(environ, "up", "--data-dir", folder)["valkey"]
        assert moved["state"] == "running"
        assert moved["address"] != f"127.0.0.1:{port}"
    services.down(folder, environ, lambda line: None)
    again = told(environ, "up", "--data-dir", folder)["valkey"]
    assert again["address"] == moved["address"]


def test_two_instances_that_want_one_port_both_start(tmp_path: Path, environ: dict[str, str]) -> None:
    """Who loses the race for a port moves on, even where the port was free when it looked."""
    folders, port = [tmp_path / "one", tmp_path / "two"], free_port()
    for folder in folders:
        folder.mkdir()
        write_records(folder, {"valkey": Record(port=port)})
    commands = [[*_COMMAND, "up", "--json", "--data-dir", str(folder)] for folder in folders]
    both = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for command in commands]
    found = [json.loads(process.communicate(timeout=100)[0])[0] for process in both]
    for folder in folders:
        services.down(folder, environ, lambda line: None)
    assert [one["state"] for one in found] == ["running", "running"]
    assert found[0]["address"] != found[1]["address"]


def test_named_servers_are_not_managed(folder: Path, broker: str, valkey: str) -> None:
    """With KAFKA_BROKER and REDIS_URL set, up starts nothing and says so; down leaves them alone."""
    environ = os.environ | {"KAFKA_BROKER": f"kafka://{broker}", "REDIS_URL": valkey}
    found = told(environ, "up", "--data-dir", folder)
    assert found["kafka"] == {
        "service": "kafka",
        "state": "external",
        "address": broker,
        "pid": None,
        "note": "KAFKA_BROKER is set: not managed here",
    }
    assert found["valkey"]["state"] == "external"
    assert told(environ, "down", "--data-dir", folder) == found
    assert services.endpoints(folder, environ) == services.Endpoints(kafka=broker, redis=valkey)


def test_named_server_that_does_not_answer_is_told(folder: Path, environ: dict[str, str]) -> None:
    """Nothing is started in its place; the exit code is 1, and the password of the URL is not printed."""
    done = run(environ | {"REDIS_URL": "redis://:s3cret@127.0.0.1:1/0"}, "up", "--data-dir", folder)
    assert done.returncode == 1
    assert "nothing answers there" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr


def test_crashed_service_is_told_and_started_again(folder: Path, environ: dict[str, str]) -> None:
    """Status says that it ended without `down`; up brings it back on the same port."""
    first = told(environ, "up", "--data-dir", folder)["valkey"]
    os.kill(first["pid"], signal.SIGKILL)
    assert wait_until(lambda: services.status(folder, environ)[0].state == "stopped", 10)
    assert services.status(folder, environ)[0].note == "it ended without 'down': see its log"
    again = told(environ, "up", "--data-dir", folder)["valkey"]
    assert again["state"] == "running"
    assert again["address"] == first["address"]
    assert again["pid"] != first["pid"]


def test_down_spares_a_process_that_got_the_number_of_an_old_one(folder: Path, environ: dict[str, str]) -> None:
    """A remembered process whose start time differs is somebody else's."""
    bystander = subprocess.Popen(["sleep", "300"])
    folder.mkdir()
    stale = ProcessIdentity(bystander.pid, "another boot:1")
    write_records(folder, {"valkey": Record(port=1, pid=bystander.pid, keeper=stale)})
    assert told(environ, "down", "--data-dir", folder)["valkey"]["state"] == "stopped"
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_tied_services_end_with_the_block(folder: Path, environ: dict[str, str]) -> None:
    """For `demo`: what the block starts ends with it, another command refuses to build on it, what ran before stays."""
    with services.tied(folder, environ, lambda line: None) as endpoints:
        assert services.status(folder, environ)[0].state == "running"
        assert endpoints.redis.startswith("redis://127.0.0.1:")
        with pytest.raises(LocalServiceError, match="valkey runs for another command"):
            services.up(folder, environ, lambda line: None)
    assert services.status(folder, environ)[0] == services.Status("valkey", "stopped")

    before = services.up(folder, environ, lambda line: None)
    with services.tied(folder, environ, lambda line: None):
        assert services.status(folder, environ) == before
    assert services.status(folder, environ) == before


def test_missing_java_is_one_line_and_exit_code_2(folder: Path, alone: dict[str, str], tmp_path: Path) -> None:
    """No traceback, the remedy, and nothing left running."""
    done = run(alone | {"PATH": str(tmp_path), "JAVA_HOME": ""}, "up", "--data-dir", folder)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("stream-app: Kafka needs Java 17 or newer, and no java was found")
    assert "Traceback" not in done.stderr
    assert processes_of(folder) == []


def test_damaged_state_file_is_told(folder: Path, environ: dict[str, str]) -> None:
    """Nothing is guessed: the message names the file."""
    folder.mkdir()
    (folder / "services.json").write_text("{")
    done = run(environ, "status", "--data-dir", folder)
    assert done.returncode == 2
    assert f"{folder / 'services.json'} is damaged" in done.stderr
    (folder / "services.json").unlink()

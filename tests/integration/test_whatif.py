"""What-if and tuning on a running system's topics, and what is left of them when they are stopped: nothing."""

import asyncio
import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from stream_app.engine.times import DAY, parse_time
from stream_app.local.process import ProcessIdentity, wait_until
from stream_app.local.simulator import Story, simulate
from stream_app.modelfiles import model_text
from stream_app.ops.topics_admin import create_topics
from stream_app.topics import Manifest, load_manifest

START = parse_time("2026-01-01T00:00:00Z")
COMMAND = [sys.executable, "-c", "from stream_app.cli import main; main()"]


@pytest.fixture
def manifest(broker: str) -> Iterator[Manifest]:
    """Event topics of our own on the session's broker."""
    manifest = load_manifest(prefix=f"w{uuid.uuid4().hex[:8]}.", partitions=2)
    manifest = replace(manifest, topics=manifest.events())
    asyncio.run(create_topics(broker, manifest))
    yield manifest


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Simulated leads, in the order of their times."""
    path = tmp_path / "events.ndjson"
    told = islice(simulate(Story(seed=2, events_a_day=60), lambda at: START + at), 600)
    path.write_bytes(b"".join(one.raw + b"\n" for one in told if one.refused is None))
    return path


@pytest.fixture
def other(tmp_path: Path) -> str:
    """The default model with a lower bar."""
    path = tmp_path / "other.yaml"
    path.write_text(model_text("b2b-saas")[0].replace("{total: {ge: 50}}", "{total: {ge: 40}}"), encoding="utf-8")
    return str(path)


def _run(*words: str) -> Any:
    done = subprocess.run([*COMMAND, *words, "--json"], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_topics_tell_what_the_file_tells(broker: str, manifest: Manifest, events: Path, other: str) -> None:
    """The same events, produced and read back: the same leads, weeks, reasons; the same threshold."""
    system = ["--bootstrap", broker, "--prefix", manifest.prefix]
    _run("produce", str(events), *system)
    ask = ["model", "whatif", "b2b-saas", other, "--by", "industry", "--jobs", "2"]
    from_file = _run(*ask, "--events", str(events), "--order", "time")
    from_topics = _run(*ask, "--from-topics", *system)
    assert from_file["stages"][0]["gained"] > 0
    assert from_file == from_topics
    tune = ["model", "tune", "b2b-saas", "--stage", "mql", "--per-week", str(from_file["stages"][0]["per_week"]["a"])]
    tuned = _run(*tune, "--from-topics", *system)
    assert tuned["threshold"] <= 50 and tuned["answer"]["mean"] <= tuned["per_week"]


# A parent whose two children write down who they are and work until they are ended.
_PARENT = """
import sys
from stream_app.history.pool import in_parallel
for _ in in_parallel("tests.endless:work", sys.argv[1].encode(), [b"1", b"2"], 2, 2, lambda what, done, total: None):
    pass
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nobody_is_left_behind(number: signal.Signals, tmp_path: Path, repository: Path) -> None:
    """Whatever ends the command, its processes end too."""
    command = [sys.executable, "-c", _PARENT, str(tmp_path)]
    with subprocess.Popen(command, cwd=repository, stderr=subprocess.DEVNULL) as parent:
        try:
            assert wait_until(lambda: len(list(tmp_path.glob("*.ready"))) == 2, 30)
            children = [ProcessIdentity.of(int(path.stem)) for path in tmp_path.glob("*.ready")]
            assert all(child is not None and child.alive() for child in children)
            parent.send_signal(number)
            assert wait_until(lambda: not any(child is not None and child.alive() for child in children), 15)
        finally:
            parent.kill()


def test_a_future_clock_is_no_end(events: Path, other: str) -> None:
    """An event of the year 2199 is refused by both models, and time does not run on to it."""
    wrong = {"event_id": "wrong", "type": "page_view", "time": "2199-01-01T00:00:00Z", "user_id": "u-1"}
    events.write_bytes(events.read_bytes() + json.dumps(wrong).encode() + b"\n")
    found = _run("model", "whatif", "b2b-saas", other, "--events", str(events), "--jobs", "1")
    assert found["refused"] == {"a": 1, "b": 1}
    assert parse_time(found["until"]) < START + 400 * DAY

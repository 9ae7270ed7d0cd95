"""What a lane takes of the chunks that reach it, without a broker."""

import time
from pathlib import Path
from typing import NamedTuple

import pytest

from stream_app.broker import Broker
from stream_app.security import Security
from stream_app.streaming.chunk import Chunk
from stream_app.streaming.lane import OVERDUE_SECONDS, Lane
from stream_app.streaming.settings import AgentSettings, Pacing, SettingsError, WorkerSettings
from stream_app.streaming.store import MemoryStore


class Record(NamedTuple):
    """Enough of a record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class Nowhere:
    """Inputs of which nothing is known, but up to where they were `handed` on."""

    def __init__(self, **handed: int) -> None:
        self.handed = handed

    def ended(self, topic: str, partition: int, position: int) -> bool:
        return False

    def fetched_to(self, topic: str, partition: int) -> int | None:
        return None

    def handed_to(self, topic: str, partition: int) -> int | None:
        return self.handed.get(topic)

    def fresh(self, topic: str, partition: int) -> bool:
        return False


AGENT = AgentSettings(name="lead", topics=["web", "email"], changelog="changelog", table="leads")


def settings() -> WorkerSettings:
    """Of one agent, with small buffers."""
    return WorkerSettings(
        broker="127.0.0.1:9",
        app="app",
        partitions=2,
        agents=[AGENT],
        data_dir=Path("unused"),
        pacing=Pacing(buffer_records=3),
    )


def chunk(start: int, end: int, *offsets: int, topic: str = "web") -> Chunk:
    """Records at offsets, covering start to end."""
    return Chunk(topic, 1, start, end, [Record(topic, 1, offset, 1000 + offset) for offset in offsets])


@pytest.fixture
async def lane() -> Lane:
    """A lane that stands at 10 and 0, not opened: nothing is processed."""
    failures: list[str] = []
    made = Lane(settings(), AGENT, 1, MemoryStore(), Nowhere(), lambda: 0, lambda why, _: failures.append(why))
    made.release({"web": 10, "email": 0})
    return made


async def test_chunks_that_follow_are_taken(lane: Lane) -> None:
    """Gaps inside a chunk (markers, compaction) are no gaps between chunks."""
    assert lane.offer(chunk(10, 15, 10, 11, 14)) is None
    assert lane.offer(chunk(15, 21, 20)) is None
    assert lane._expected == [21, 0]
    assert lane.release() == {"web": 10, "email": 0}


async def test_what_was_taken_is_dropped(lane: Lane) -> None:
    """A chunk that comes twice, and the first part of one that reaches back."""
    lane.offer(chunk(10, 12, 10, 11))
    assert lane.offer(chunk(10, 12, 10, 11)) is None
    assert lane.offer(chunk(8, 14, 8, 11, 12, 13)) is None
    taken = [record.offset for record in lane._merge.take(9, lambda _: True)]
    assert taken == [10, 11, 12, 13]


async def test_what_is_missing_is_asked_for_again(lane: Lane) -> None:
    """A chunk behind a lost one is not taken: its topic is read again from where the lane stands."""
    lane.offer(chunk(10, 12, 10, 11))
    assert lane.offer(chunk(15, 17, 15, 16)) == 12
    assert lane.offer(chunk(17, 18, 17)) == 12
    assert lane.offer(chunk(12, 17, 12, 15)) is None
    assert lane._expected == [17, 0]


async def test_what_does_not_come_is_asked_for_again(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk that was read and has not come after a while is read again, though none follows it. One that comes is not."""
    now = time.monotonic()
    monkeypatch.setattr("stream_app.streaming.lane.time.monotonic", lambda: now)
    lane._inputs = Nowhere(web=15, email=3)
    assert lane.overdue() == {}
    now += OVERDUE_SECONDS / 2
    assert lane.overdue() == {}
    lane.offer(chunk(0, 3, 1, topic="email"))
    now += OVERDUE_SECONDS / 2
    assert lane.overdue() == {"web": 10}
    lane.offer(chunk(10, 15, 12))
    now += OVERDUE_SECONDS
    assert lane.overdue() == {}


async def test_a_full_buffer_is_not_fetched(lane: Lane) -> None:
    """Back-pressure is by topic: another one, for which the merge may be waiting, is still read."""
    assert lane.wants("web") and lane.wants("email")
    lane.offer(chunk(10, 13, 10, 11, 12))
    assert not lane.wants("web") and lane.wants("email")


async def test_a_held_lane_takes_nothing_and_goes_on_where_it_stood(lane: Lane) -> None:
    """What was buffered is forgotten and read again."""
    lane.offer(chunk(10, 12, 10, 11))
    await lane.hold()
    assert not lane.wants("web")
    assert lane.offer(chunk(12, 13, 12)) is None
    assert lane._merge.empty()


@pytest.mark.parametrize(
    ("topics", "changelog", "says"),
    [([], "c", "no input topics"), (["a", "a"], "c", "listed twice"), (["a"], "a", "both an input and a changelog")],
)
def test_settings_that_contradict_themselves(topics: list[str], changelog: str, says: str) -> None:
    """Refused with one line."""
    with pytest.raises(SettingsError, match=says):
        agent = AgentSettings(name="lead", topics=topics, changelog=changelog, table="leads")
        WorkerSettings(broker="b", app="a", partitions=1, agents=[agent], data_dir=Path("x"))


def test_secrets_are_not_shown() -> None:
    """A log of the settings has no passwords."""
    login = Security(protocol="SASL_PLAINTEXT", mechanism="PLAIN", username="u", password="hunter2")
    given = WorkerSettings(broker=Broker("b", login), app="a", partitions=1, agents=[], data_dir=Path("x"))
    assert "hunter2" not in repr(given)


def test_transactional_ids_name_agent_and_partition() -> None:
    """Taking a partition over fences whoever had it."""
    assert settings().transactional_id("lead", 3) == "app-lead-3"

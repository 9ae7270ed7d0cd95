"""The processors without Kafka: topics are lists, a lane is a loop, a transaction always succeeds.

The rule: as in a lane, a partition's records go in merged order as far as they are known, drained changes go into the
partition's state, and outputs are appended to the partition that murmur2 of their key names.
"""

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stream_app.engine.model.types import Model
from stream_app.engine.times import format_time
from stream_app.streaming.merge import Merge
from stream_app.streaming.processor import OWN
from stream_app.streaming.transaction import default_partition
from stream_app.topics import Agent, load_manifest
from stream_app.worker.accounts import AccountProcessor
from stream_app.worker.composition import Scoring, compose
from stream_app.worker.leads import LeadProcessor
from stream_app.worker.publications import Mode, publication, publication_output

PRESENT = 1_900_000_000_000
"""The wall clock of these tests (2030), behind everything they send."""

Headers = Sequence[tuple[str, bytes]]
AGENTS: tuple[Agent, ...] = ("lead", "account")


@dataclass(frozen=True)
class Record:
    """A record as it lies in a topic."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    def json(self) -> Any:
        """Its value."""
        return json.loads(self.value or b"null")

    def header(self, name: str) -> str | None:
        """The last header of a name."""
        return next((value.decode() for key, value in reversed(self.headers) if key == name), None)


class State:
    """A partition's state: what has been drained."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """See StateReader."""
        return self.entries.get(key)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """See StateReader."""
        return iter(self.entries.items())

    def take(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Take drained changes in."""
        for key, value in changes:
            if value is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = value


def event(number: int, time: int, *, user: str | None = None, **more: Any) -> dict[str, Any]:
    """An event as a producer writes it; `e{number}` is its id, `time` is in milliseconds."""
    stated: dict[str, Any] = {"event_id": f"e{number}", "type": "page_view", "time": format_time(time)}
    return stated | ({"user_id": user} if user is not None else {}) | more


@dataclass
class DeskLane:
    """One agent's partition; `taken` is how many records of each input were processed."""

    processor: LeadProcessor | AccountProcessor
    state: State
    inputs: list[str]
    partition: int
    taken: dict[str, int] = field(default_factory=dict)


class Desk:
    """All partitions of both agents. `topics` holds what was sent, by topic and partition."""

    def __init__(self, model: Model, *, partitions: int = 2, present: int = PRESENT) -> None:
        self.manifest = load_manifest(partitions=partitions)
        self.scoring: Scoring = compose(model, self.manifest)
        self.partitions = partitions
        self.present = present
        self.topics: dict[str, list[list[Record]]] = {
            topic.name: [[] for _ in range(topic.partitions)] for topic in self.manifest
        }
        self.lanes = {
            (agent, partition): self._open(agent, partition, State())
            for agent in AGENTS
            for partition in range(partitions)
        }

    def _open(self, agent: Agent, partition: int, state: State) -> DeskLane:
        make = LeadProcessor if agent == "lead" else AccountProcessor
        inputs = [topic.name for topic in self.manifest.inputs(agent)]
        return DeskLane(make(self.scoring, partition, state, lambda: self.present), state, inputs, partition)

    # -- in -------------------------------------------------------------------------------------------------------------

    def send(
        self,
        topic: str,
        value: bytes | Mapping[str, Any] | None,
        *,
        key: str | None = None,
        partition: int | None = None,
        timestamp: int = 0,
        headers: Headers = (),
    ) -> Record:
        """Append a record; a value given as a mapping is JSON. Without a partition, the key decides."""
        raw = json.dumps(value).encode() if isinstance(value, Mapping) else value
        return self._append(topic, None if key is None else key.encode(), raw, headers, timestamp, partition)

    def _append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        timestamp: int,
        partition: int | None,
    ) -> Record:
        records = self.topics[topic]
        place = partition if partition is not None else default_partition(key or b"", len(records))
        record = Record(topic, place, len(records[place]), timestamp, key, value, tuple(headers))
        records[place].append(record)
        return record

    def publish(self, model: Model, number: int, at: int, mode: Mode = "emit") -> None:
        """Publish a version to every lane, as `stream-app model publish` does."""
        for base in ("lead-inbox", "account-inbox"):
            topic = self.manifest[base].name
            for partition in range(self.partitions):
                given = publication_output(topic, partition, publication(model, number, mode, at))
                self._append(topic, given.key, given.value, given.headers, at, partition)

    # -- work -----------------------------------------------------------------------------------------------------------

    def run(self, chunk: int = 1000) -> None:
        """Let the lanes take what there is, `chunk` records a transaction, until there is nothing left."""
        lanes = list(self.lanes.values())
        while any(self._turn(lane, chunk) for lane in lanes):
            pass

    def _turn(self, lane: DeskLane, chunk: int) -> bool:
        merge, some = Merge(len(lane.inputs)), False
        for number, topic in enumerate(lane.inputs):
            records = self.topics[topic][lane.partition]
            merge.offer(number, records[lane.taken.get(topic, 0) :])
            lane.taken[topic] = len(records)
        while batch := merge.take(chunk, lambda _: True):
            lane.processor.process(batch)
            self._commit(lane)
            some = True
        return some

    def nibble(self, chance: random.Random, most: int = 3) -> bool:
        """Let some lane take a few of its records, one transaction; False if no lane has any."""
        lanes = list(self.lanes.values())
        chance.shuffle(lanes)
        return any(self._bite(lane, chance.randint(1, most)) for lane in lanes)

    def _bite(self, lane: DeskLane, most: int) -> bool:
        merge = Merge(len(lane.inputs))
        for number, topic in enumerate(lane.inputs):
            merge.offer(number, self.topics[topic][lane.partition][lane.taken.get(topic, 0) :])
        batch = merge.take(most, lambda _: True)
        for record in batch:
            lane.taken[record.topic] = lane.taken.get(record.topic, 0) + 1
        if batch:
            lane.processor.process(batch)
            self._commit(lane)
        return bool(batch)

    def advance(self, to: int, budget: int = 100) -> None:
        """Let time pass in every lane, and what comes of it arrive. Leads first: accounts follow them."""
        for lane in self.lanes.values():
            while (due := lane.processor.next_due()) is not None and due <= to:
                lane.processor.advance(to, budget)
                self._commit(lane)
            self.run()

    def _commit(self, lane: DeskLane) -> None:
        effects = lane.processor.drain()
        lane.state.take(effects.changes)
        for topic, key, value, headers, timestamp, partition in effects.outputs:
            place = lane.partition if partition == OWN else partition
            self._append(topic, key, value, headers, timestamp if timestamp is not None else self.present, place)

    def restart(self) -> None:
        """Lose every processor, and recover from the states."""
        for (agent, partition), lane in list(self.lanes.items()):
            fresh = self._open(agent, partition, lane.state)
            fresh.taken = lane.taken
            fresh.processor.restore(list(lane.state.items()))
            self.lanes[agent, partition] = fresh

    # -- out ------------------------------------------------------------------------------------------------------------

    def records(self, topic: str) -> Iterator[Record]:
        """All records of a topic, partition after partition."""
        return (record for records in self.topics[topic] for record in records)

    def latest(self, topic: str) -> dict[str, Any]:
        """The last value of each key, as a compacted topic keeps it; without what a tombstone removed."""
        found: dict[str, Any] = {}
        for record in self.records(topic):
            found[(record.key or b"").decode()] = record.json()
        return {key: value for key, value in found.items() if value is not None}

    def transitions(self, subject: str = "lead") -> dict[str, list[Any]]:
        """The transitions of each lead or account, in order."""
        found: dict[str, list[Any]] = {}
        for record in self.records("transitions"):
            if (document := record.json())["subject"] == subject and "ladder" in document:
                found.setdefault((record.key or b"").decode(), []).append(document)
        return found

    def counts(self) -> dict[str, int]:
        """What became of the records, over all lanes."""
        total: dict[str, int] = {}
        for lane in self.lanes.values():
            for name, count in lane.processor.counts.items():
                total[name] = total.get(name, 0) + count
        return total

"""The processors without Kafka: topics are lists, a lane is a loop, a transaction always succeeds.

The rule: as in a lane, a partition's records go in merged order as far as they are known, drained changes go into the
partition's state, and outputs are appended to the partition that murmur2 of their key names.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stream_app.engine.model.types import Model
from stream_app.engine.times import format_time
from stream_app.ingest.condemned import Condemned
from stream_app.streaming.merge import Merge
from stream_app.streaming.positions import POSITIONS_KEY, Positions, encode_positions, is_reserved
from stream_app.streaming.processor import OWN, Effects, Output
from stream_app.streaming.transaction import default_partition
from stream_app.topics import Agent, Manifest, load_manifest
from stream_app.worker.accounts import AccountProcessor
from stream_app.worker.composition import Scoring, compose
from stream_app.worker.leads import LeadProcessor
from stream_app.worker.publications import Mode, publication, publication_output
from stream_app.worker.taking_over import migrations

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
        return ((key, entry) for key, entry in self.entries.items() if not is_reserved(key))

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

    def __init__(
        self,
        model: Model,
        *,
        partitions: int = 2,
        present: int = PRESENT,
        beside: "tuple[Desk, int] | None" = None,
        condemned: Sequence[Condemned] = (),
    ) -> None:
        """`beside` a desk and with a number: a side generation of it, with the same events."""
        self.manifest: Manifest = load_manifest(partitions=partitions)
        if beside is not None:
            self.manifest = beside[0].manifest.beside(beside[1])
        self.scoring: Scoring = compose(model, self.manifest, condemned=tuple(condemned), added=tuple(condemned))
        self.partitions = partitions
        self.present = present
        self.topics: dict[str, list[list[Record]]] = {
            topic.name: [[] for _ in range(topic.partitions)] for topic in self.manifest
        }
        if beside is not None:
            self.topics |= {name: beside[0].topics[name] for name in self.topics if name in beside[0].topics}
        self.lanes = {
            (agent, partition): self._open(agent, partition, State())
            for agent in AGENTS
            for partition in range(partitions)
        }

    def _open(self, agent: Agent, partition: int, state: State) -> DeskLane:
        make = LeadProcessor if agent == "lead" else AccountProcessor
        inputs = [topic.name for topic in self.manifest.inputs(agent)]
        processor = make(self.scoring, partition, state, lambda: self.present)
        lane = DeskLane(processor, state, inputs, partition, dict.fromkeys(inputs, 0))
        lane.processor.restore(list(state.items()))
        return lane

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
        some = False
        while self._bite(lane, chunk):
            some = True
        return some

    def nibble(self, chance: random.Random, most: int = 3) -> bool:
        """Let some lane take a few of its records, one transaction; False if no lane has any."""
        lanes = list(self.lanes.values())
        chance.shuffle(lanes)
        return any(self._bite(lane, chance.randint(1, most)) for lane in lanes)

    def _bite(self, lane: DeskLane, most: int) -> bool:
        if lane.processor.reopen:
            return False
        merge, bounds = Merge(len(lane.inputs)), lane.processor.bounds
        merge.bound({lane.inputs.index(topic): bound for topic, bound in bounds.items()})
        for number, topic in enumerate(lane.inputs):
            first = lane.taken.get(topic, 0)
            merge.offer(number, self.topics[topic][lane.partition][first : first + most])
        batch = merge.take(most, lambda _: True)
        if batch:
            for record in batch[: lane.processor.process(batch)]:
                lane.taken[record.topic] = lane.taken.get(record.topic, 0) + 1
        bounds = lane.processor.bounds
        stood = bool(bounds) and all(lane.taken.get(topic, 0) >= bound for topic, bound in bounds.items())
        some = (stood and lane.processor.bounded()) or bool(batch)
        if some:
            self._commit(lane)
        return some

    def advance(self, to: int, budget: int = 100) -> None:
        """Let time pass in every lane, and what comes of it arrive. Leads first: accounts follow them."""
        for lane in self.lanes.values():
            while (due := lane.processor.next_due()) is not None and due <= to:
                lane.processor.advance(to, budget)
                self._commit(lane)
            self.run()

    def _commit(self, lane: DeskLane) -> None:
        self._take(lane.state, lane.partition, lane.processor.drain())
        positions = Positions(topics=dict(lane.taken), seen=-1, partitions=self.partitions)
        lane.state.entries[POSITIONS_KEY] = encode_positions(positions)

    def _take(self, state: State, partition_of_lane: int, effects: Effects) -> None:
        state.take(effects.changes)
        for topic, key, value, headers, timestamp, partition in effects.outputs:
            place = partition_of_lane if partition == OWN else partition
            self._append(topic, key, value, headers, timestamp if timestamp is not None else self.present, place)

    def restart(self, others: "Desk | None" = None, stop_after: int | None = None) -> None:
        """Lose every processor, and recover from the states, taking over from the tables of `others` where that is due;
        with `stop_after`, lose them again after so many steps of it."""
        for unit in list(self.lanes):
            self._reopen(unit, others, stop_after)

    def reopen(self, others: "Desk") -> bool:
        """Open the lanes anew that ask for it; whether any did."""
        units = [unit for unit, lane in self.lanes.items() if lane.processor.reopen]
        for unit in units:
            self._reopen(unit, others, None)
        return bool(units)

    def _reopen(self, unit: tuple[Agent, int], others: "Desk | None", stop_after: int | None) -> None:
        lane = self.lanes[unit]
        migration = migrations(self.scoring)(*unit, lane.state)
        if migration is not None:
            assert others is not None
            source = others.lanes[unit]
            steps = migration.steps(lane.state, source.state)
            for number, effects in enumerate(steps):
                if number == stop_after:
                    return
                self._take(lane.state, lane.partition, effects)
            taken = dict(lane.taken)
            lane.taken |= migration.inputs(taken, source.taken)
            self._take(lane.state, lane.partition, migration.last(taken))
        fresh = self._open(*unit, lane.state)
        fresh.taken = lane.taken
        self.lanes[unit] = fresh

    def tell(self, output_of: Callable[[str, int], Output]) -> None:
        """Send what `output_of` makes of each partition of both inboxes."""
        for base in ("lead-inbox", "account-inbox"):
            topic = self.manifest[base].name
            for partition in range(self.partitions):
                given = output_of(topic, partition)
                self._append(topic, given.key, given.value, given.headers, self.present, partition)

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
        for record in self.records(self.manifest["transitions"].name):
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

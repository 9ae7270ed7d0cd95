"""A processor whose right answer is easy to know: it counts.

State of a key: how many records it had, and a hash of their values in the order they came. Every `every`th record of a key
is told to `out` as `{"n": count}`; every record to `trace`, if named; a value that starts with `to:` is sent on to
`inbox` under the key behind it. A key falls due `rest_ms` after its last record, once, and `out` gets `{"due": ...}`.
"""

import heapq
import json
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from stream_app.streaming.processor import Effects, InputRecord, Output, Processor, StateReader


@dataclass(frozen=True, kw_only=True)
class Counting:
    """What the processor does; JSON on the worker's command line."""

    out: str
    every: int = 10
    trace: str | None = None
    inbox: str | None = None
    rest_ms: int = 0
    poison: str | None = None
    spread: bool = False
    pause_us: int = 0
    hang: str | None = None


class CountingProcessor(Processor):
    """See the module."""

    def __init__(self, counting: Counting, partition: int, state: StateReader) -> None:
        self.counting, self.partition, self.state = counting, partition, state
        self.changes: dict[bytes, bytes | None] = {}
        self.outputs: list[Output] = []
        self.due: list[tuple[int, bytes]] = []
        self.latest = -1

    def restore(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        for key, value in entries:
            state = json.loads(value)
            if state["due"]:
                heapq.heappush(self.due, (state["due"], key))

    def process(self, records: Sequence[InputRecord]) -> int:
        counting = self.counting
        if counting.pause_us:
            time.sleep(counting.pause_us * len(records) / 1e6)  # stands for work, so that faults land in the middle
        for record in records:
            key, value = record.key or b"", record.value or b""
            if counting.poison and value == counting.poison.encode():
                raise ValueError("poison")
            if counting.hang and value == counting.hang.encode():
                time.sleep(3600)
            if counting.inbox and value.startswith(b"to:"):
                self.outputs.append(Output(counting.inbox, value[3:], b"moved", timestamp_ms=record.timestamp))
            self.latest = max(self.latest, record.timestamp)
            old = self.changes.get(key) or self.state.get(key)
            state = json.loads(old) if old else {"n": 0, "hash": 0, "due": 0}
            state["n"] += 1
            state["hash"] = zlib.crc32(value, state["hash"])
            if counting.rest_ms:
                state["due"] = record.timestamp + counting.rest_ms
                heapq.heappush(self.due, (state["due"], key))
            if state["n"] % counting.every == 0:
                self.outputs.append(self._to(counting.out, key, {"n": state["n"]}, record.timestamp))
            if counting.trace:
                self.outputs.append(self._to(counting.trace, key, value.decode(), record.timestamp))
            self.changes[key] = json.dumps(state).encode()
        return len(records)

    def reached(self) -> int:
        return self.latest

    def _to(self, topic: str, key: bytes, value: object, timestamp: int) -> Output:
        return Output(
            topic, key, json.dumps(value).encode(), (), timestamp, None if self.counting.spread else self.partition
        )

    def advance(self, to_ms: int, budget: int) -> bool:
        while self.due and self.due[0][0] <= to_ms:
            if budget == 0:
                return True
            budget -= 1
            at, key = heapq.heappop(self.due)
            old = self.changes.get(key) or self.state.get(key)
            state = json.loads(old) if old else {"due": 0}
            if state["due"] == at:
                self.changes[key] = json.dumps(state | {"due": 0}).encode()
                self.outputs.append(self._to(self.counting.out, key, {"due": at}, at))
        return False

    def next_due(self) -> int | None:
        return self.due[0][0] if self.due else None

    def drain(self) -> Effects:
        effects = Effects(list(self.changes.items()), self.outputs)
        self.changes, self.outputs = {}, []
        return effects

"""stream_app's lane with the small job in it: exactly once."""

import logging
from collections.abc import Sequence
from pathlib import Path

import orjson

from bench.peers.job import STATE, THRESHOLD, Task, after_event, crossing, task_of_arguments
from stream_app.streaming.processor import Effects, InputRecord, Output, Processor, StateReader
from stream_app.streaming.settings import AgentSettings, WorkerSettings
from stream_app.streaming.worker import run_worker


class HalfLife(Processor):
    """The small job as a Processor of one partition."""

    def __init__(self, output: str, partition: int, state: StateReader) -> None:
        self.output, self.partition, self.state = output, partition, state
        self.changes: dict[bytes, tuple[float, int]] = {}
        self.outputs: list[Output] = []

    def restore(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Nothing to prepare."""

    def process(self, records: Sequence[InputRecord]) -> int:
        """Take events."""
        changes, get, loads, unpack = self.changes, self.state.get, orjson.loads, STATE.unpack
        for record in records:
            event, key = loads(record.value or b""), record.key or b""
            state = changes.get(key)
            if state is None:
                old = get(key)
                state = unpack(old) if old else (0.0, 0)
            at = event["properties"]["at"]
            after = after_event(state[0], state[1], at)
            changes[key] = (after, at)
            if state[0] < THRESHOLD <= after:
                value = orjson.dumps(crossing(key.decode(), event["event_id"], after))
                self.outputs.append(Output(self.output, key, value, (), record.timestamp, self.partition))
        return len(records)

    def advance(self, to_ms: int, budget: int) -> bool:
        """Nothing falls due."""
        return False

    def reached(self) -> int:
        """No timer waits for it."""
        return -1

    def next_due(self) -> int | None:
        """Never."""
        return None

    def drain(self) -> Effects:
        """Every touched lead's state, once, and the messages."""
        pack = STATE.pack
        effects = Effects([(key, pack(*state)) for key, state in self.changes.items()], self.outputs)
        self.changes, self.outputs = {}, []
        return effects


def work(task: Task) -> None:
    """Until SIGTERM."""
    settings = WorkerSettings(
        broker=task.broker,
        app=task.group,
        partitions=task.partitions,
        agents=[AgentSettings(name="lead", topics=task.inputs, changelog=task.changelog, table="leads")],
        data_dir=Path(task.folder),
        clock="stopped",
    )
    run_worker(settings, lambda agent, partition, state: HalfLife(task.output, partition, state))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    work(task_of_arguments())

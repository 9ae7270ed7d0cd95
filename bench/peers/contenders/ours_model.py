"""stream_app's worker with the default model, as `stream-app worker` runs it: exactly once."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.peers.job import BEGAN, Task, task_of_arguments
from stream_app.modelfiles import read_model
from stream_app.streaming.app import wall_clock
from stream_app.streaming.processor import InputRecord, Processor, StateReader
from stream_app.streaming.worker import run_worker
from stream_app.topics import Manifest, Topic, load_manifest
from stream_app.worker.composition import compose
from stream_app.worker.main import WorkerOptions, processors, settings_of

_OUTPUT = "transitions"


class Timed:
    """A processor that notes when it takes its first records, in a file (ms): transitions do not say it."""

    def __init__(self, inner: Processor, file: Path) -> None:
        self._inner, self._file = inner, file
        self.restore, self.advance, self.reached = inner.restore, inner.advance, inner.reached
        self.next_due, self.drain = inner.next_due, inner.drain

    def process(self, records: Sequence[InputRecord]) -> None:
        """The first slice only: later ones go straight to the processor."""
        self._file.write_text(str(time.time() * 1000))
        self.process = self._inner.process  # type: ignore[method-assign]
        self._inner.process(records)


def manifest_of(task: Task) -> Manifest:
    """The topics of a run: all its own, but for the inputs, which every run shares."""
    own = load_manifest(task.output.removesuffix(_OUTPUT), task.partitions)

    def named(topic: Topic) -> Topic:
        return replace(topic, name=next((name for name in task.inputs if name.endswith(f".{topic.base}")), topic.name))

    return replace(own, topics=tuple(map(named, own)), fallback=named(own.fallback))


def main() -> None:
    """Until SIGTERM."""
    task = task_of_arguments()
    options = WorkerOptions(
        broker=task.broker,
        app=task.group,
        data_dir=Path(task.folder),
        clock="wall" if task.clock == "wall" else "event",
    )
    manifest = manifest_of(task)
    make = processors(compose(read_model("b2b-saas"), manifest), wall_clock)

    def factory(agent: str, partition: int, state: StateReader) -> Processor:
        return Timed(make(agent, partition, state), Path(task.folder) / f"{BEGAN}-{agent}-{partition}")

    run_worker(settings_of(options, manifest), factory, clock=wall_clock)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    main()

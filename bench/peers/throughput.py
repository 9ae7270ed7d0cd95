"""One run over the loaded events: from the first that a contender takes up, as it says itself, to the moment when the last marks
are visible to a reader of what is committed; and then the check of all that was said."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from aiokafka.errors import KafkaError

from bench.peers.answers import Answer, SmallAnswer, WrongAnswer
from bench.peers.broker import Watcher, make_topics, read_all
from bench.peers.contenders.ours_model import manifest_of
from bench.peers.events import CHANNELS, END, PARTITIONS, mark
from bench.peers.job import BEGAN, Task
from bench.peers.processes import Measured, cpu_of
from bench.peers.roster import Contender

_START_S = 60.0
_SLOWEST = 1000.0  # events a second; below it a run is given up
_REST_S = 30.0
_QUIET_S = 1.0
_CHECK_S = 180.0


class RunFailed(Exception):
    """A contender ended, hung or was wrong: one line."""


@dataclass(frozen=True)
class Run:
    """What one run measured. `cpu` and `broker_cpu` are seconds per million events, `peak` bytes, `start` seconds."""

    rate: float
    cpu: float
    broker_cpu: float
    peak: int
    start: float


@dataclass(frozen=True)
class Place:
    """Where runs happen: the broker, its process, and a folder."""

    broker: str
    broker_pid: int
    folder: Path


def task_of(place: Place, run: str, inputs: list[str], clock: str = "event") -> Task:
    """What a contender is told for a run; `run` is part of every name."""
    folder = place.folder / run
    folder.mkdir()
    return Task(
        broker=place.broker,
        inputs=inputs,
        output=f"{run}.transitions",
        changelog=f"{run}.changelog",
        group=f"{run}.group",
        folder=str(folder),
        partitions=PARTITIONS,
        clock=clock,
    )


async def make_outputs(contender: Contender, task: Task) -> None:
    """The topics of a run that the contender does not make itself."""
    if contender.job == "model":
        own = [topic for topic in manifest_of(task) if topic.name not in task.inputs and topic.kind != "models"]
        await make_topics(task.broker, {topic.name: topic.config for topic in own})
        return
    topics: dict[str, dict[str, str]] = {task.output: {}}
    if contender.name in ("small", "small-pair", "aiokafka", "confluent", "confluent-poll"):
        topics[task.changelog] = {"cleanup.policy": "compact"}
    await make_topics(task.broker, topics)


def begin(contender: Contender, task: Task) -> Measured:
    """Start it."""
    log = Path(task.folder).with_suffix(".log")
    return Measured(contender.command(task), log, contender.env, Path(task.folder))


async def run_once(contender: Contender, place: Place, task: Task, events: int, answer: Answer) -> Run:
    """Start, measure, stop and check one contender. Raises RunFailed."""
    within = _START_S + events / _SLOWEST + _CHECK_S
    try:
        return await asyncio.wait_for(_run(contender, place, task, events, answer), within)
    except (TimeoutError, KafkaError) as error:
        raise RunFailed(f"it took longer than {within:.0f} s, or the broker did: {error!r}") from None


async def _run(contender: Contender, place: Place, task: Task, events: int, answer: Answer) -> Run:
    await make_outputs(contender, task)
    async with Watcher(task.broker, task.output) as watcher:
        with begin(contender, task) as process:
            output = _Output(watcher, process, _Stopwatch(process, place.broker_pid))
            launched = time.time()
            await output.read(output.started, _START_S, "began nothing")
            await output.read(output.watch.finished, events / _SLOWEST, "did not finish")
            peak = process.peak_bytes()
            await output.read(lambda: len(output.messages) >= answer.messages, _REST_S, None)
            idle = process.cpu()
            by_itself = process.stop()
            last = max(0.0, process.cpu() - idle)  # what it had left to write
        await output.read(lambda: False, _QUIET_S, None)
    try:
        answer.check(output.messages)
        if contender.kept is not None and isinstance(answer, SmallAnswer):
            answer.check_state(await state_of(contender, task))
    except WrongAnswer as error:
        raise RunFailed(f"{error}{'' if by_itself else ' (it had to be killed)'}") from None
    time_, cpu, broker_cpu = output.watch.spent(began_at(task, output.messages))
    million = events / 1e6
    start = output.watch.ended - time_ - launched
    return Run(events / time_, (cpu + last) / million, broker_cpu / million, peak, start)


def began_at(task: Task, messages: list[Any]) -> float:
    """When the contender came to its first events, seconds since the epoch, as it says itself."""
    files = list(Path(task.folder).glob(f"{BEGAN}-lead-*"))
    said = [float(file.read_text()) for file in files] or [message["now"] for message in messages]
    return min(said) / 1000


async def state_of(contender: Contender, task: Task) -> dict[str, float]:
    """Each lead's last score in the contender's changelogs."""
    assert contender.kept is not None
    kept: dict[str, float] = {}
    for key, value in await read_all(task.broker, contender.changelogs(task)):
        if value is not None and not key.startswith(b"\x00"):  # a zero byte: the lane's own records
            lead, score = contender.kept(key, value)
            kept[lead] = score
    return kept


@dataclass
class _Output:
    """Everything that a contender said, as it becomes visible."""

    watcher: Watcher
    process: Measured
    watch: "_Stopwatch"
    messages: list[Any] = field(default_factory=list)

    def started(self) -> bool:
        """Whether it said anything; takes a sample on the way."""
        self.watch.finished()
        return bool(self.messages)

    async def read(self, enough: Callable[[], bool], within: float, late: str | None) -> None:
        """Until there is enough; where that takes too long, RunFailed, or nothing if `late` is None."""
        deadline = time.monotonic() + within
        while not enough():
            values = await self.watcher.poll()
            for value in values:
                message = orjson.loads(value)
                self.messages.append(message)
                self.watch.see(message["lead"])
            if late is not None and not self.process.running():
                raise RunFailed(f"it ended: {self.process.said()}")
            if time.monotonic() > deadline:
                if late is None:
                    return
                raise RunFailed(f"it {late} within {within:.0f} s: {self.process.said()}")


class _Stopwatch:
    """Until the last end mark is visible: samples of CPU seconds, of contender and broker, to look up a beginning in."""

    def __init__(self, process: Measured, broker_pid: int) -> None:
        self._process, self._broker = process, broker_pid
        places = [(channel, partition) for channel in range(len(CHANNELS)) for partition in range(PARTITIONS)]
        self._ends = {f"user:{mark(END, *place)}" for place in places}
        self._samples: list[tuple[float, float, float]] = []
        self.ended = 0.0

    def finished(self) -> bool:
        """Whether all end marks were seen; takes a sample on the way."""
        if not self.ended:
            self._samples.append((time.time(), self._process.cpu(), cpu_of(self._broker)))
        return bool(self.ended)

    def see(self, lead: str | None) -> None:
        """A message about a lead has become visible."""
        if lead in self._ends:
            self._ends.remove(lead)
            if not self._ends:
                self.finished()
                self.ended = self._samples[-1][0]

    def spent(self, since: float) -> tuple[float, float, float]:
        """Seconds, CPU seconds and the broker's, from a time on (s since the epoch) to the last end mark."""
        first = min(self._samples, key=lambda sample: abs(sample[0] - since))
        last = self._samples[-1]
        return self.ended - since, last[1] - first[1], last[2] - first[2]

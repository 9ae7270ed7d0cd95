"""Event to visible message, at a steady rate: sent with the time it was sent at, read by a reader of what is committed."""

import asyncio
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

import orjson
from aiokafka import AIOKafkaProducer

from bench.peers.answers import Answer
from bench.peers.broker import Watcher, input_topics, make_topics
from bench.peers.events import CHANNELS, RUN_UP, home, make_value
from bench.peers.processes import Measured
from bench.peers.roster import Contender
from bench.peers.throughput import Place, RunFailed, begin, make_outputs, task_of

_START_S = 60.0
_WARM_S = 4.0
_TICK_S = 0.01
_LEADS = 5_000
_FEWEST = 20
_CROSSINGS = 100  # a second, if the rate allows: enough for a p99


@dataclass(frozen=True)
class Latency:
    """Milliseconds from sending an event to seeing its message, at `rate` events a second (what was really sent)."""

    rate: float
    samples: int
    p50: float
    p99: float
    cpu: float
    """CPU seconds of the contender per second."""


@dataclass
class _Load:
    """Events for ever: most are of leads who come back, some lead new leads up to a crossing. `sent` has when, by event id."""

    rate: float
    sent: dict[str, float] = field(default_factory=dict)
    total: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(3)
        self._idents = count()
        self._ticks = 0
        self._share = min(1.0, _CROSSINGS * RUN_UP / self.rate)
        self._homes = {lead: home(f"old-{lead}") for lead in range(_LEADS)}
        self._probes = [self._probe(channel) for channel in range(len(CHANNELS))]

    def _probe(self, channel: int) -> Iterator[str]:
        """A new lead's name, eleven times, for ever."""
        for number in count():
            for _ in range(RUN_UP):
                yield f"new-{channel}-{number}"

    def tick(self, channel: int, now: float) -> dict[int, list[tuple[bytes, bytes]]]:
        """What is sent at a time (s) on one topic: key and value, by partition."""
        found: dict[int, list[tuple[bytes, bytes]]] = {}
        self._ticks += 1
        due = round(self.rate * _TICK_S * self._ticks) - self.total
        for _ in range(due):
            ident = f"l{next(self._idents):025d}"
            if self._chance.random() < self._share:
                user = next(self._probes[channel])
                key, partition = home(user)
                self.sent[ident] = now
            else:
                lead = self._chance.randrange(_LEADS // len(CHANNELS)) * len(CHANNELS) + channel
                user, (key, partition) = f"old-{lead}", self._homes[lead]
            value = make_value(ident, channel, user, int(now * 1000), self._chance)
            found.setdefault(partition, []).append((key, value))
        self.total += due
        return found


async def measure(contender: Contender, place: Place, run: str, rate: float, seconds: float, answer: Answer) -> Latency:
    """Run a contender at a rate. Raises RunFailed where it ends or says nothing."""
    topics = input_topics(f"{run}.in.")
    await make_topics(place.broker, topics)
    task = task_of(place, run, list(topics), clock="wall")
    await make_outputs(contender, task)
    load = _Load(rate)
    async with (
        Watcher(task.broker, task.output) as watcher,
        AIOKafkaProducer(bootstrap_servers=place.broker) as producer,
    ):
        with begin(contender, task) as process:
            sending = asyncio.create_task(_send(load, producer, task.inputs))
            try:
                if not await _first(watcher, process):
                    raise RunFailed(f"it said nothing at {rate:,.0f} events/s: {process.said()}")
                await _sample(watcher, load.sent, answer, _WARM_S)
                began, sent, cpu = time.time(), load.total, process.cpu()
                took = sorted(await _sample(watcher, load.sent, answer, seconds))
                passed = time.time() - began
                real, used = (load.total - sent) / passed, (process.cpu() - cpu) / passed
                if sending.done() or not process.running():
                    raise RunFailed(f"it ended: {process.said()}")
            finally:
                sending.cancel()
            process.stop()
    if len(took) < _FEWEST:
        raise RunFailed(f"only {len(took)} messages in {seconds:.0f} s at {rate:,.0f} events/s")
    p50, p99 = (1000 * took[int(len(took) * part)] for part in (0.5, 0.99))
    return Latency(real, len(took), p50, p99, used)


async def _send(load: _Load, producer: AIOKafkaProducer, topics: list[str]) -> None:
    """One topic a tick, in turn."""
    due = time.time()
    for turn in count():
        channel = turn % len(CHANNELS)
        now = time.time()
        for partition, rows in load.tick(channel, now).items():
            batch = producer.create_batch()
            for key, value in rows:
                batch.append(timestamp=int(now * 1000), key=key, value=value)
            await producer.send_batch(batch, topics[channel], partition=partition)
        due = max(due + _TICK_S, now - 0.1)  # late by more than that: not made up for
        await asyncio.sleep(max(0.0, due - time.time()))


async def _first(watcher: Watcher, process: Measured) -> bool:
    """Wait for the first message; whether one came."""
    deadline = time.time() + _START_S
    while time.time() < deadline and process.running():
        if await watcher.poll():
            return True
    return False


async def _sample(watcher: Watcher, sent: Mapping[str, float], answer: Answer, seconds: float) -> list[float]:
    """Read for as long; how long each message took, in seconds."""
    took: list[float] = []
    deadline = time.time() + seconds
    while time.time() < deadline:
        values = await watcher.poll()
        now = time.time()
        events = (answer.event_of(orjson.loads(value)) for value in values)
        took.extend(now - sent[event] for event in events if event is not None and event in sent)
    return took

"""The same job on the same broker and the same events, one contender after the other, in one process each.

    python -m bench.peers [--only small,streams-eos] [--events 500000] [--runs 3] [--no-latency] [--json]
    python -m bench.peers --only small,small-pair,model,model-pair --no-latency

The job: one half-life score a lead, kept, and a message when 50 is crossed; and ours once more with the default model. All that a
contender says is compared with the right answer before its figures count. The tables go to standard output and into
docs/benchmarks.md, progress to standard error. Exit code 1 where a contender failed.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from bench.peers.answers import Answer, SmallAnswer, WrongAnswer, replay
from bench.peers.broker import input_topics, load, make_topics, remove_topics
from bench.peers.environments import ROOT, Engine, SetupFailed, find_engine
from bench.peers.events import RUN_UP, SPAN, Event, Expected, make_events
from bench.peers.latency import measure
from bench.peers.processes import say
from bench.peers.report import Machine, Row, as_json, describe, latency_table, throughput_table, write_page
from bench.peers.roster import NAMES, PAIRS, contenders
from bench.peers.throughput import Place, RunFailed, run_once, task_of
from stream_app.engine.times import HOUR
from stream_app.errors import KnownError
from stream_app.local.errors import LocalServiceError
from stream_app.local.kafka import KafkaServer

_LOADED = "load."
_LEAST_EVENTS = 5_000
_FEWER = 10
_LOAD_S = 300.0


def options_of(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(NAMES), help="contenders, commas between: %(default)s")
    parser.add_argument("--events", type=int, default=500_000, help="events of a run (default %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="runs a contender (default %(default)s)")
    parser.add_argument("--latency", action=argparse.BooleanOptionalAction, default=True, help="measure it too")
    parser.add_argument("--seconds", type=float, default=12.0, help="of a latency measurement (default %(default)s)")
    parser.add_argument("--rate", type=float, default=0.0, help="events/s of all latency measurements")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument(
        "--page", type=Path, help="the page to write (default docs/benchmarks.md, if nothing is left out)"
    )
    options = parser.parse_args(words)
    options.only = [name.strip() for name in options.only.split(",") if name.strip()]
    if wrong := [name for name in options.only if name not in NAMES + PAIRS]:
        parser.error(f"--only: {', '.join(wrong)} is none of {', '.join(NAMES + PAIRS)}")
    if options.events < _LEAST_EVENTS or options.runs < 1:
        parser.error(f"--events must be at least {_LEAST_EVENTS}, --runs at least 1")
    if options.page is None and options.only == list(NAMES):
        options.page = ROOT / "docs" / "benchmarks.md"
    return options


@dataclass(frozen=True)
class Load:
    """Events that lie in topics, ready, and what must come of them by job."""

    inputs: list[str]
    events: int
    answers: dict[str, Answer]


class Contest:
    """The rows, the loaded events and their answers."""

    def __init__(self, options: argparse.Namespace, rows: list[Row], place: Place, engine: Engine) -> None:
        self.options, self.rows, self.place, self.engine = options, rows, place, engine
        self.loads: dict[bool, Load] = {}

    async def prepare(self, start: int) -> None:
        """Load the events, once for all, and work out what must come of them."""
        for few in sorted({row.contender.few for row in self.rows}):
            number = self.options.events // _FEWER if few else self.options.events
            jobs = {row.contender.job for row in self.rows if row.contender.few == few}
            self.loads[few] = await self._load(f"{_LOADED}{number}.", number, jobs, start)

    async def _load(self, prefix: str, number: int, jobs: Collection[str], start: int) -> Load:
        topics, expected = input_topics(prefix), Expected()
        await make_topics(self.place.broker, topics)
        say(f"loading {number:,} events")
        file = self.place.folder / "events.ndjson"
        with file.open("wb") as out:

            def written() -> Iterator[Event]:
                for event in make_events(number, start, expected):
                    out.write(event.value + b"\n")
                    yield event

            await asyncio.wait_for(load(self.place.broker, list(topics), written()), _LOAD_S)
        answers: dict[str, Answer] = {"small": SmallAnswer(expected)}
        if "model" in jobs:
            say("working out the default model's transitions offline")
            answers["model"] = replay(file, start + SPAN - RUN_UP - 1, self.engine)
        file.unlink()
        say(", ".join(f"{answer.messages:,} messages to expect ({job})" for job, answer in answers.items()))
        return Load(list(topics), expected.events, answers)

    async def throughput(self) -> None:
        """Every contender once, then every one again: a drift of the machine hits all."""
        for number in range(1, self.options.runs + 1):
            for row in self.rows:
                if row.failed is None:
                    await self._run(row, number)

    async def _run(self, row: Row, number: int) -> None:
        contender = row.contender
        run = f"{contender.name}-{number}"
        try:
            loaded = self.loads[contender.few]
            task = task_of(self.place, run, loaded.inputs)
            done = await run_once(contender, self.place, task, loaded.events, loaded.answers[contender.job])
        except RunFailed as error:
            row.failed = f"run {number}: {error}"
            say(f"{run}: {row.failed}")
        else:
            row.runs.append(done)
            say(f"{run}: {done.rate:,.0f} events/s, {done.cpu:.1f} CPU s per million, began after {done.start:.1f} s")
        await remove_topics(self.place.broker, [_LOADED])

    async def latency(self) -> None:
        """Each at a tenth of its own rate; where there is our lane's, ours and Kafka Streams at a tenth of that too."""
        lane = next((row.rate for row in self.rows if row.contender.name == "small" and row.failed is None), 0.0) / 10
        for row in self.rows:
            if row.failed is not None:
                continue
            rates = [self.options.rate or row.rate / 10]
            if lane and not self.options.rate and row.contender.name.startswith("streams"):
                rates.append(lane)
            for number, rate in enumerate(rates):
                await self._latency(row, number, rate)

    async def _latency(self, row: Row, number: int, rate: float) -> None:
        contender = row.contender
        run = f"{contender.name}-latency-{number}"
        try:
            answer = self.loads[contender.few].answers[contender.job]
            found = await measure(contender, self.place, run, rate, self.options.seconds, answer)
        except RunFailed as error:
            say(f"{run}: {error}")
            row.failed = f"latency: {error}"
        else:
            row.latencies.append(found)
            say(f"{run}: {found.rate:,.0f} events/s, p50 {found.p50:.1f} ms, p99 {found.p99:.1f} ms")
        await remove_topics(self.place.broker, [_LOADED])


async def contest(options: argparse.Namespace, place: Place, rows: list[Row], engine: Engine, start: int) -> None:
    """Everything, on a broker that runs."""
    found = Contest(options, rows, place, engine)
    await found.prepare(start)
    await found.throughput()
    if options.latency:
        await found.latency()


def show(options: argparse.Namespace, rows: list[Row], machine: Machine) -> None:
    """Print and write the results."""
    if options.json:
        print(json.dumps(as_json(rows, machine), indent=2))
    else:
        console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 200)
        for headings, lines in (throughput_table(rows), latency_table(rows)):
            if lines:
                table = Table(*headings)
                for line in lines:
                    table.add_row(*line)
                console.print(table)
    if options.page is not None:
        write_page(options.page, rows, machine)
        say(f"written to {options.page}")


def main() -> int:
    """Run the contest; the exit code."""
    options = options_of(sys.argv[1:])
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it frets about topics that are a moment old
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like ctrl-C: the broker and the contender are ended
    machine = describe(options.events, options.runs)
    engine = find_engine()
    try:
        rows = [Row(contender) for contender in contenders(options.only, sys.executable, engine)]
        with tempfile.TemporaryDirectory(prefix="peers-") as directory:
            folder = Path(directory)
            with KafkaServer(folder / "kafka", heap="1g", progress=say) as server:
                assert server.process is not None
                place = Place(server.bootstrap, server.process.pid, folder)
                start = _whole_hour() - SPAN - HOUR
                asyncio.run(contest(options, place, rows, engine, start))
    except KeyboardInterrupt:
        print("bench.peers: interrupted", file=sys.stderr)
        return 130
    except (SetupFailed, WrongAnswer, LocalServiceError, KnownError, KafkaError, TimeoutError) as error:
        print(f"bench.peers: {error or repr(error)}", file=sys.stderr)
        return 2
    show(options, rows, machine)
    return 1 if any(row.failed for row in rows) else 0


def _whole_hour() -> int:
    return int(time.time() * 1000) // HOUR * HOUR


if __name__ == "__main__":
    sys.exit(main())

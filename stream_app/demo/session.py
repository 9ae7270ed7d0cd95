"""A demo from start to end: services, topics of its own, a worker, events, somebody to show it to.

The rule: a demo leaves nothing behind. Servers that it started end with it, its topics are removed, its worker ends with
this process, SIGKILL included. It never touches topics of anybody else: its prefix is new each time.
"""

import asyncio
import logging
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn, Protocol

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from stream_app.broker import Broker, client_options
from stream_app.demo.board import Board, Document
from stream_app.demo.sources import Source
from stream_app.demo.watch import Watch, open_watch
from stream_app.demo.worker_process import WorkerProcess
from stream_app.errors import KnownError
from stream_app.local.services import tied
from stream_app.local.state import read_records
from stream_app.ops.topics_admin import create_topics
from stream_app.producing import sender
from stream_app.security import Security
from stream_app.topics import Manifest, load_manifest

_PREFIX: Final = "demo-"
_DRAIN_S: Final = 10.0
_QUIET_S: Final = 0.6  # after the last record was scored, for its transitions to arrive


class Screen(Protocol):
    """Where a demo is shown."""

    def say(self, line: str) -> None:
        """What is going on, while it gets under way."""

    def transition(self, document: Document) -> None:
        """Somebody moved."""

    async def show(self, board: Board, clock: Callable[[], float]) -> NoReturn:
        """Show the board for as long as it runs."""


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What to show. `model_name` is what the worker is given; `seconds` None: until it is stopped, or the file ends."""

    model_name: str
    source: Source
    seconds: float | None
    data_dir: Path
    environ: Mapping[str, str]
    security: Security
    started: float  # of the monotonic clock


def run(demo: Demo, board: Board, screen: Screen) -> float:
    """Run it, filling the board; for how many seconds events were produced.

    Raises `KnownError` where a service can't be started or the worker ends; `KeyboardInterrupt` and `SystemExit` for
    signals before events flow. Later a signal ends the demo in order, and a second one at once.
    """
    with _terminable(), _folder() as folder:
        logging.basicConfig(filename=folder / "demo.log", level=logging.WARNING)
        with tied(demo.data_dir, demo.environ, screen.say) as endpoints:
            try:
                return asyncio.run(_run(demo, board, screen, Broker(endpoints.kafka, demo.security), folder))
            except KafkaError as error:
                raise KnownError(f"Kafka at {endpoints.kafka} failed: {error!r}") from error


async def _run(demo: Demo, board: Board, screen: Screen, bootstrap: str, folder: Path) -> float:
    manifest = load_manifest(f"{_PREFIX}{secrets.token_hex(4)}.")
    group = manifest.prefix.rstrip(".")
    if _started_here(demo):
        await _remove_topics(
            bootstrap, _PREFIX
        )  # of demos that were killed: on a broker of our own there are no others
    screen.say("creating topics")
    async with _topics(bootstrap, manifest):
        screen.say("starting a worker")
        worker = WorkerProcess(folder, bootstrap=bootstrap, prefix=manifest.prefix, group=group, model=demo.model_name)
        try:
            async with (
                open_watch(bootstrap, board, manifest, group, demo.started) as watch,
                sender.open_sender(bootstrap, manifest) as events,
            ):
                await worker.ready()
                board.begun = watch.now
                return await _play(demo, screen, watch, worker, events)
        finally:
            worker.kill()


async def _play(demo: Demo, screen: Screen, watch: Watch, worker: WorkerProcess, events: sender.EventSender) -> float:
    """Produce and show until the time is over, the source has no more, or a signal comes; then let the worker finish."""
    board = watch.board

    def told(count: int, time_reached: int) -> None:
        board.sent += count
        board.told_to = time_reached

    stopped, enough = _signals(), asyncio.Event()
    source = asyncio.create_task(demo.source.run(events, told, enough))
    others = [
        asyncio.create_task(task)
        for task in (
            watch.read(screen.transition),
            watch.follow(),
            worker.watch(),
            screen.show(board, lambda: watch.now - board.begun),
        )
    ]
    try:
        await _first(demo.seconds, [source, *others], stopped)
        seconds = watch.now - board.begun
        enough.set()
        await _first(_DRAIN_S, others, source)
        await _first(_DRAIN_S, others, _drained(watch))
        return seconds
    finally:
        for task in (source, *others):
            task.cancel()
        await asyncio.gather(source, *others, return_exceptions=True)


async def _first(seconds: float | None, tasks: list[asyncio.Task[None]], end: Awaitable[object]) -> None:
    """Wait until one of the tasks ends, `end` comes about or the seconds are over. Raises what a task raised."""
    ending = asyncio.ensure_future(end)
    try:
        done, _ = await asyncio.wait([*tasks, ending], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        ending.cancel()


async def _drained(watch: Watch) -> None:
    """Return once everything that was sent is scored, and what came of it has been read."""
    while True:
        await watch.measure()
        if watch.board.lag == 0 and watch.board.scored >= watch.board.sent:
            break
        await asyncio.sleep(0.1)
    await asyncio.sleep(_QUIET_S)


# -- topics -----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _topics(bootstrap: str, manifest: Manifest) -> AsyncIterator[None]:
    await create_topics(bootstrap, manifest)
    try:
        yield
    finally:
        await _remove_topics(bootstrap, manifest.prefix)


async def _remove_topics(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(**client_options(bootstrap))
    try:
        await admin.start()
        topics = [name for name in await admin.list_topics() if name.startswith(prefix)]
        if topics:
            await admin.delete_topics(topics)
    finally:
        await admin.close()


def _started_here(demo: Demo) -> bool:
    """Whether this demo started the broker: one that another command started for itself would have been refused."""
    record = read_records(demo.data_dir).get("kafka")
    return not demo.environ.get("KAFKA_BROKER") and record is not None and record.tied


# -- the process ------------------------------------------------------------------------------------------------------


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for logs. It stays where the demo failed, as the message may name a file in it."""
    folder = Path(tempfile.mkdtemp(prefix="stream-app-demo-"))
    try:
        yield folder
    except Exception:
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM unwinds, as ctrl-C does, so that servers are shut down in order."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _signals() -> asyncio.Future[None]:
    """Comes about with the first SIGINT or SIGTERM; the second ends the process, and its keepers the rest."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[None] = loop.create_future()

    def stop() -> None:
        if stopped.done():
            os._exit(130)
        stopped.set_result(None)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    return stopped

"""A worker process from start to end.

The rule: SIGTERM or SIGINT finishes the transactions in flight, lets go of the partitions and ends with code 0; whatever
hangs on the way, the process is gone by the deadline. Everything else ends it through health.py.
"""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable

from aiokafka.errors import KafkaError

from stream_app.streaming import timer
from stream_app.streaming.app import LaneApp, create_app, wall_clock
from stream_app.streaming.garbage import collect_by_hand, sweep_for_ever
from stream_app.streaming.health import EXIT_FAILED, LoopWatch, end_process, watch_progress
from stream_app.streaming.lanes import Lanes
from stream_app.streaming.preflight import check_topics
from stream_app.streaming.processor import Clock, MigrationFactory, ProcessorFactory, nothing_to_migrate
from stream_app.streaming.settings import WorkerSettings

log = logging.getLogger(__name__)


def run_worker(
    settings: WorkerSettings,
    factory: ProcessorFactory,
    *,
    migrations: MigrationFactory = nothing_to_migrate,
    clock: Clock = wall_clock,
    parent: int | None = None,
    ready: Callable[[], None] = lambda: None,
    observe: Callable[[Lanes], None] = lambda _: None,
) -> None:
    """Work until told to stop. Returns after SIGTERM or SIGINT; a failure ends the process (exit code 70).

    Raises SettingsError where the broker's topics don't fit the settings. With `parent`, the process ends when its parent
    is no longer that one. `ready` is called once, when the first partitions are assigned and open; `observe` before, in the
    event loop, with the lanes.
    """
    collect_by_hand()
    asyncio.run(_work(settings, factory, migrations, clock, parent, ready, observe))


async def _work(
    settings: WorkerSettings,
    factory: ProcessorFactory,
    migrations: MigrationFactory,
    clock: Clock,
    parent: int | None,
    ready: Callable[[], None],
    observe: Callable[[Lanes], None],
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        await asyncio.wait_for(check_topics(settings), settings.limits.startup)
    except (KafkaError, TimeoutError) as error:
        end_process(f"no Kafka at {settings.broker}: {error!r}")
    app = create_app(settings, factory, migrations=migrations, clock=clock)
    observe(app.lanes)
    tasks = [
        asyncio.create_task(work)
        for work in (
            LoopWatch(settings.limits.stall, parent).run(),
            timer.tick(app.lanes.tick),
            sweep_for_ever(),
            watch_progress(app.lanes.all, settings.limits, lambda: _consumer_fault(app)),
            _run(app, settings, ready),
        )
    ]
    for task in tasks:
        task.add_done_callback(_unexpected_end)
    await stopping.wait()
    log.info("stopping: finishing what is in flight")
    _leave_by(settings.limits.shutdown)
    for task in tasks[1:]:
        task.cancel()
    await app.lanes.close()
    await _leave(app)
    log.info("stopped")
    logging.shutdown()
    os._exit(0)


async def _run(app: LaneApp, settings: WorkerSettings, ready: Callable[[], None]) -> None:
    await asyncio.wait_for(app.start(), settings.limits.startup)
    while not app.lanes.settled():
        await asyncio.sleep(0.05)
    log.info("ready")
    ready()
    await asyncio.Event().wait()


async def _leave(app: LaneApp) -> None:
    """Leave the group at once, so that others need not wait for the session time-out. Faust's own stop can hang."""
    kafka = getattr(app.consumer, "kafka", None)
    if kafka is not None:
        await kafka.stop()


def _leave_by(seconds: float) -> None:
    def late() -> None:
        log.error("could not stop within %.0f s: ending; what was in flight will be done by the next owner", seconds)
        logging.shutdown()
        os._exit(EXIT_FAILED)

    deadline = threading.Timer(seconds, late)
    deadline.daemon = True
    deadline.start()


def _unexpected_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        end_process("the worker's frame failed", task.exception())


def _consumer_fault(app: LaneApp) -> str | None:
    """What became of the consumer's tasks, if they ended."""
    kafka = getattr(app.consumer, "kafka", None)
    if kafka is None or app._consumer is None:
        return None
    for name, task in (("group", kafka._coordinator._coordination_task), ("fetch", kafka._fetcher._fetch_task)):
        if task.done():
            return f"the consumer's {name} task ended: {task.exception() if not task.cancelled() else 'cancelled'}"
    if app._fetcher.crashed:
        return "Faust's fetcher crashed"
    return None

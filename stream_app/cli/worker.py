"""`stream-app worker`: one scoring process."""

import os
import sys
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Annotated

import typer

from stream_app.cli.broker import Bootstrap, Prefix, broker_of, manifest_of
from stream_app.cli.console import say
from stream_app.cli.logs import LogFormat, LogLevel, log_from
from stream_app.cli.metrics import MetricsHost, MetricsPort
from stream_app.errors import KnownError
from stream_app.ingest.condemned import Condemned
from stream_app.local.paths import state_root


class ClockChoice(StrEnum):
    """How time passes."""

    wall = "wall"
    event = "event"


class StoreChoice(StrEnum):
    """Where a worker keeps its partitions' state."""

    memory = "memory"
    rocksdb = "rocksdb"


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(worker)


def worker(
    model: Annotated[
        str, typer.Option("--model", "-m", envvar="STREAM_APP_MODEL", help="A model file, or a ready model's name.")
    ] = "b2b-saas",
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    group: Annotated[
        str, typer.Option(envvar="STREAM_APP_GROUP", help="The consumer group; workers of one group share the work.")
    ] = "stream-app",
    clock: Annotated[
        ClockChoice,
        typer.Option(help="`event` lets time pass only with the events: for backfills of history."),
    ] = ClockChoice.wall,
    store: Annotated[
        StoreChoice, typer.Option(envvar="STREAM_APP_STORE", help="`rocksdb` for state larger than memory.")
    ] = StoreChoice.memory,
    data_dir: Annotated[
        Path | None, typer.Option(envvar="STREAM_APP_DATA_DIR", help="Where a store keeps its files.")
    ] = None,
    instance: Annotated[
        str | None,
        typer.Option(
            envvar="STREAM_APP_INSTANCE",
            help="A name for static membership: a restart within the session time-out moves no partition.",
        ),
    ] = None,
    partitions: Annotated[int | None, typer.Option(min=1, help="Partitions a topic. Default: the manifest's.")] = None,
    erasure_key: Annotated[
        str,
        typer.Option(
            envvar="STREAM_APP_ERASURE_KEY",
            help="A secret for the marks of erased leads; the same for all workers, for ever. Best given by the variable.",
        ),
    ] = "",
    supervise: Annotated[
        bool, typer.Option("--supervise", help="Start the worker again when it fails, after longer and longer waits.")
    ] = False,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
    shadow: Annotated[
        bool,
        typer.Option(
            "--shadow", help="Score what is published as a shadow, beside the live workers; wait while nothing is."
        ),
    ] = False,
    side: Annotated[int | None, typer.Option(hidden=True, help="Work for the generation with this number.")] = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
    log_level: LogLevel = "info",
    log_format: LogFormat = "console",
) -> None:
    """Score what arrives on the event topics, exactly once. Run as many as there are partitions; SIGTERM stops one.

    A worker that fails ends with a code other than 0: run it under a supervisor, or with --supervise.
    """
    from stream_app.modelfiles import read_model
    from stream_app.ops.observed import observe
    from stream_app.ops.worker_metrics import Ledger
    from stream_app.publishing.side import generation_at
    from stream_app.streaming.settings import SettingsError
    from stream_app.worker.main import WorkerOptions, work

    log_from(log_level, log_format)
    if shadow:
        from stream_app.cli.shadow import work_for_shadows

        work_for_shadows(broker_of(bootstrap), manifest_of(prefix, partitions))
    if supervise:
        raise SystemExit(_supervised())
    broker, manifest = broker_of(bootstrap), manifest_of(prefix, partitions)
    condemned: tuple[Condemned, ...] = ()
    added: tuple[Condemned, ...] = ()
    if side is None:
        scored = read_model(model)
    else:
        found = generation_at(broker, manifest, side, group)
        scored, manifest, group = found.model, found.manifest, found.group
        condemned, added = found.condemned, found.added
    options = WorkerOptions(
        broker=broker,
        app=group,
        data_dir=(data_dir if data_dir is not None else state_root() / "workers" / group).absolute(),
        clock=clock.value,
        store=store.value,
        instance=instance,
        secret=blake2b(erasure_key.encode()).digest() if erasure_key else b"",
        condemned=condemned,
        added=added,
    )
    if parent is None and os.environ.get("STREAM_APP_END_WITH_PARENT"):
        parent = os.getppid()
    ledger = Ledger()
    observed = observe(metrics_host, metrics_port, ledger)
    try:
        work(
            options,
            scored,
            manifest,
            parent=parent,
            ready=(lambda: say("ready")) if side is None else (lambda: None),
            made=ledger.made,
            observe=observed,
        )
    except SettingsError as error:
        raise KnownError(str(error)) from None


def _supervised() -> int:
    """Run this very command line, without --supervise, again and again."""
    from stream_app.streaming.supervise import PARENT_OPTION
    from stream_app.streaming.supervise import supervise as run_again

    arguments = [argument for argument in sys.argv[1:] if argument != "--supervise"]
    return run_again([sys.executable, "-m", "stream_app", *arguments, PARENT_OPTION, str(os.getpid())])

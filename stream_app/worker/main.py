"""A worker process, composed: the model, the topics, the lane (one composition root for `stream-app worker`)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stream_app.engine.model.types import Model
from stream_app.ingest.condemned import Condemned
from stream_app.streaming.app import wall_clock
from stream_app.streaming.lanes import Lanes
from stream_app.streaming.processor import Clock, Processor, ProcessorFactory, StateReader
from stream_app.streaming.settings import ACCOUNT, LEAD, AgentSettings, ClockMode, StoreKind, WorkerSettings
from stream_app.streaming.worker import run_worker
from stream_app.topics import Agent, Manifest
from stream_app.worker.accounts import AccountProcessor
from stream_app.worker.composition import Scoring, compose
from stream_app.worker.leads import LeadProcessor
from stream_app.worker.taking_over import migrations

Made = Callable[[str, int, Processor], None]
"""Takes an agent, a partition and its new processor."""


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """What a worker is told from outside. `app` is its consumer group; `instance` makes it a static member; `secret`
    keys the digests that are left of erased leads (Scoring.secret); `condemned` are the sources that count for nothing in a
    side generation, `added` those of them that do in the live one."""

    broker: str
    app: str
    data_dir: Path
    clock: ClockMode = "wall"
    store: StoreKind = "memory"
    instance: str | None = None
    secret: bytes = b""
    condemned: tuple[Condemned, ...] = ()
    added: tuple[Condemned, ...] = ()


def processors(scoring: Scoring, clock: Clock, made: Made = lambda *_: None) -> ProcessorFactory:
    """What makes the processor of an agent's partition; `made` is told of each."""

    def make(agent: str, partition: int, state: StateReader) -> Processor:
        kind = LeadProcessor if agent == LEAD else AccountProcessor
        processor: Processor = kind(scoring, partition, state, clock)
        made(agent, partition, processor)
        return processor

    return make


def settings_of(options: WorkerOptions, manifest: Manifest) -> WorkerSettings:
    """The lane's settings for a system of topics."""
    return WorkerSettings(
        broker=options.broker,
        app=options.app,
        partitions=manifest.partitions("lead"),
        agents=[_agent("lead", LEAD, manifest), _agent("account", ACCOUNT, manifest)],
        data_dir=options.data_dir,
        clock=options.clock,
        store=options.store,
        instance=options.instance,
    )


def work(
    options: WorkerOptions,
    model: Model,
    manifest: Manifest,
    *,
    clock: Clock = wall_clock,
    parent: int | None = None,
    ready: Callable[[], None] = lambda: None,
    made: Made = lambda *_: None,
    observe: Callable[[Lanes], None] = lambda _: None,
) -> None:
    """Score until told to stop. Raises what `run_worker` raises."""
    by_events = options.clock != "wall"
    scoring = compose(
        model, manifest, options.secret, by_events=by_events, condemned=options.condemned, added=options.added
    )
    run_worker(
        settings_of(options, manifest),
        processors(scoring, clock, made),
        migrations=migrations(scoring),
        clock=clock,
        parent=parent,
        ready=ready,
        observe=observe,
    )


def _agent(agent: Agent, name: str, manifest: Manifest) -> AgentSettings:
    topics = [topic.name for topic in manifest.inputs(agent)]
    return AgentSettings(name=name, topics=topics, changelog=manifest.changelog(agent).name, table=f"{name}s")

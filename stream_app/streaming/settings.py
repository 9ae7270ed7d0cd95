"""What a worker is told: frozen values, made by the caller. Nothing here reads the environment, a file or a clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

LEAD = "lead"
ACCOUNT = "account"

ClockMode = Literal["wall", "event", "stopped"]
StoreKind = Literal["memory", "rocksdb"]


class SettingsError(ValueError):
    """A worker's settings contradict themselves or the broker: one line that says what and what to do."""


@dataclass(frozen=True, kw_only=True)
class AgentSettings:
    """One agent: what it reads and where its state is kept.

    `topics` are its inputs in the manifest's order, which decides between records of the same timestamp. All of them
    and `changelog` (compacted) have `WorkerSettings.partitions` partitions. `table` is the name under which Faust
    knows the agent's state.
    """

    name: str
    topics: Sequence[str]
    changelog: str
    table: str

    def __post_init__(self) -> None:
        if not self.topics:
            raise SettingsError(f"agent {self.name}: no input topics")
        if len(set(self.topics)) != len(self.topics):
            raise SettingsError(f"agent {self.name}: a topic is listed twice: {', '.join(self.topics)}")


@dataclass(frozen=True, kw_only=True)
class Pacing:
    """How much work goes into a slice, a transaction and a buffer. Records, milliseconds and bytes."""

    slice_records: int = 500
    """Records processed before the event loop gets a turn (and timers due in one `advance`)."""
    buffer_records: int = 4000
    """A topic with as many records waiting is not fetched until they are fewer."""
    transaction_records: int = 4000
    """A transaction starts at once when as many records wait for it, and processing waits at twice as many."""
    max_linger_ms: int = 20
    """The longest a transaction waits for more. It waits a millisecond for each record of the one before."""
    min_gap_ms: int = 5
    """A transaction starts no sooner after the one before: while the broker is writing that one's markers down, it turns
    the next away, and aiokafka waits 20 ms before it asks again."""
    offsets_every_ms: int = 200
    """The group's offsets go into the first transaction after so long. The lane itself starts from the positions that
    every transaction writes to the changelog; offsets, for tools that show the lag, cost two requests of five."""
    retry_ms: int = 10
    """How soon a request is sent again that the broker turned away, as it does while it finishes a transaction."""
    fetch_max_wait_ms: int = 100
    """How long the broker holds a fetch that finds nothing."""
    partition_fetch_bytes: int = 512 * 1024
    """Fetched at once of one partition."""
    batch_bytes: int = 900_000
    """A produced batch; below the broker's `message.max.bytes`."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a worker ends itself, in seconds (see health.py), and what the broker is told about it."""

    session_timeout: float = 10.0
    transaction_timeout: float = 15.0
    rebalance_timeout: float = 30.0
    stall: float = 20.0
    """An event loop that took no turn for as long."""
    no_progress: float = 120.0
    """A lane that has records to read and committed nothing for as long."""
    shutdown: float = 9.0
    """From SIGTERM to the end of the process, come what may."""
    startup: float = 60.0
    """From the start to being a member of the group."""


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """Everything a worker needs. `app` is the consumer group and the head of every transactional id. `broker` with TLS or a login is a
    `stream_app.broker.Broker`. `instance` makes the member static: a restart within the session time-out moves no
    partition.
    """

    broker: str
    app: str
    partitions: int
    agents: Sequence[AgentSettings]
    data_dir: Path
    clock: ClockMode = "wall"
    grace_ms: int = 1000
    store: StoreKind = "memory"
    store_max_age_ms: int = 20 * 3600 * 1000
    """A RocksDB older than this starts anew: must be less than the changelogs' `delete.retention.ms`."""
    instance: str | None = None
    compression: str | None = None
    pacing: Pacing = field(default_factory=Pacing)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.partitions < 1:
            raise SettingsError(f"partitions must be at least 1, not {self.partitions}")
        topics = [topic for agent in self.agents for topic in (*agent.topics, agent.changelog)]
        if len(set(topics)) != len(topics):
            raise SettingsError("a topic belongs to two agents, or is both an input and a changelog")

    def agent_of(self, topic: str) -> AgentSettings:
        """The agent that reads a topic; KeyError where none does."""
        for agent in self.agents:
            if topic in agent.topics:
                return agent
        raise KeyError(topic)

    def transactional_id(self, agent: str, partition: int) -> str:
        """`<app>-<agent>-<partition>`: taking a partition over fences whoever had it."""
        return f"{self.app}-{agent}-{partition}"

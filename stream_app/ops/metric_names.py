"""Every metric of this system: its name, kind, labels and meaning, in one place. `docs/metrics.md` is made from it.

The rule: a label's values are few and known beforehand - an agent, a partition, a channel of the manifest, a result, a
group. Never a lead, an account, an e-mail address or anything else that a producer can invent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from stream_app.streaming.stats import BATCH_BOUNDS, LATENCY_BOUNDS, TRANSACTION_BOUNDS

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more each, which nobody asks for

Kind = Literal["counter", "gauge", "histogram"]
Process = Literal["worker", "lag", "connector", "projector", "serve"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` is the one that Prometheus stores, but for a histogram's `_bucket`, `_sum` and `_count`."""

    name: str
    kind: Kind
    help: str
    process: Process
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def counter(self, registry: CollectorRegistry) -> Counter:
        """A counter of prometheus-client under this name."""
        assert self.kind == "counter"
        return Counter(self.name, self.help, self.labels, registry=registry)

    def gauge(self, registry: CollectorRegistry) -> Gauge:
        """A gauge of prometheus-client under this name."""
        assert self.kind == "gauge"
        return Gauge(self.name, self.help, self.labels, registry=registry)

    def histogram(self, registry: CollectorRegistry) -> Histogram:
        """A histogram of prometheus-client under this name."""
        assert self.kind == "histogram"
        return Histogram(self.name, self.help, self.labels, buckets=self.buckets, registry=registry)

    def series(self) -> Sequence[str]:
        """The names under which Prometheus stores it."""
        return [f"{self.name}_{part}" for part in ("bucket", "sum", "count")] if self.buckets else [self.name]


_AGENT = ("agent",)
_LANE = ("agent", "partition")
_PLACE = ("cluster_name", "group", "topic", "partition")
_GROUP = ("cluster_name", "group")
_CONNECTOR = ("connector",)
_TOPIC = ("topic",)

# -- worker -------------------------------------------------------------------------------------------------------------

EVENTS = Metric(
    "leadscorer_events_total", "counter",
    "Events by channel and by what became of them: counted, duplicate, forwarded (to another partition, where it is "
    "looked at again), erased, or the reason of a dead letter.", "worker", ("agent", "channel", "result"),
)  # fmt: skip
DEAD_LETTERS = Metric(
    "leadscorer_dead_letters_total", "counter", "Events refused, by reason.", "worker", ("agent", "reason")
)
IDENTITY = Metric(
    "leadscorer_identity_total", "counter",
    "What happened to keys: linked, merged, conflict (a link that was refused), erasure.", "worker", ("result",),
)  # fmt: skip
MACHINE_EVENTS = Metric(
    "leadscorer_machine_events_total", "counter", "Events found to be a machine's, which count 0.", "worker", _AGENT
)
RECORDS = Metric("leadscorer_records_total", "counter", "Records processed, of all topics.", "worker", _AGENT)
OUTPUTS = Metric(
    "leadscorer_outputs_total", "counter", "Records sent: scores, transitions, messages.", "worker", _AGENT
)
CHANGES = Metric("leadscorer_state_changes_total", "counter", "Records written to the changelog.", "worker", _AGENT)
ENGINE_SECONDS = Metric(
    "leadscorer_engine_seconds_total", "counter", "Seconds spent on scoring, encoding included.", "worker", _AGENT
)
TRANSACTION_SECONDS = Metric(
    "leadscorer_transaction_seconds", "histogram", "Seconds that a Kafka transaction took.", "worker", _AGENT,
    TRANSACTION_BOUNDS,
)  # fmt: skip
BATCH_RECORDS = Metric(
    "leadscorer_batch_records", "histogram", "Records (and timers) that went into a transaction.", "worker", _AGENT,
    BATCH_BOUNDS,
)  # fmt: skip
LATENCY = Metric(
    "leadscorer_event_to_transition_seconds", "histogram",
    "Seconds from a record's timestamp to the commit of the lead's transition that it made. Records older than an hour, "
    "a backfill's, are left out.", "worker", _AGENT, LATENCY_BOUNDS,
)  # fmt: skip
STATE_ENTRIES = Metric(
    "leadscorer_state_entries", "gauge", "Entries of the table; with RocksDB an estimate.", "worker", _LANE
)
RECOVERY_LEFT = Metric(
    "leadscorer_recovery_left_records",
    "gauge",
    "Changelog offsets still to be read before work begins.",
    "worker",
    _LANE,
)
TIMERS = Metric("leadscorer_timers", "gauge", "Timers that wait, outdated ones included.", "worker", _LANE)
TIMERS_LATE = Metric(
    "leadscorer_timer_late_seconds", "gauge",
    "How long ago the first waiting timer was due. They wait while a lane is behind.", "worker", _LANE,
)  # fmt: skip
STUCK_SECONDS = Metric(
    "leadscorer_stuck_seconds", "gauge", "For how long a lane has owed work and committed nothing.", "worker", _LANE
)
READY = Metric("leadscorer_ready", "gauge", "1 once the state of all assigned partitions is there.", "worker")
LANES = Metric("leadscorer_lanes", "gauge", "Partitions that this worker has.", "worker", _AGENT)
MODEL = Metric(
    "leadscorer_model_info", "gauge", "Partitions that score by this model; its version in its first 12 digits.", "worker",
    ("model", "version"),
)  # fmt: skip

# -- lag: the names that kafka-lag-exporter gave them ---------------------------------------------------------------------

GROUP_LAG = Metric(
    "kafka_consumergroup_group_lag", "gauge", "Committed messages that the group has not processed.", "lag", _PLACE
)
GROUP_LAG_SECONDS = Metric(
    "kafka_consumergroup_group_lag_seconds", "gauge",
    "Age of the oldest unprocessed record, by its own timestamp (not interpolated).", "lag", _PLACE,
)  # fmt: skip
GROUP_OFFSET = Metric("kafka_consumergroup_group_offset", "gauge", "The group's committed offset.", "lag", _PLACE)
GROUP_MAX_LAG = Metric("kafka_consumergroup_group_max_lag", "gauge", "The greatest of its partitions.", "lag", _GROUP)
GROUP_MAX_LAG_SECONDS = Metric(
    "kafka_consumergroup_group_max_lag_seconds", "gauge", "The greatest of its partitions.", "lag", _GROUP
)
GROUP_SUM_LAG = Metric("kafka_consumergroup_group_sum_lag", "gauge", "The sum over its partitions.", "lag", _GROUP)
LATEST_OFFSET = Metric(
    "kafka_partition_latest_offset", "gauge", "The partition's last stable offset.", "lag",
    ("cluster_name", "topic", "partition"),
)  # fmt: skip
GROUP_STATUS = Metric(
    "leadscorer_group_partitions", "gauge", "Partitions by status: ok, catching up, stalled, stopped.", "lag",
    (*_GROUP, "status"),
)  # fmt: skip
LAG_LOOKS = Metric("leadscorer_lag_looks_total", "counter", "Looks at the lag: done or failed.", "lag", ("result",))
LAG_LOOKED_AT = Metric(
    "leadscorer_lag_looked_at_seconds", "gauge", "When the lag was last read, in seconds since the epoch.", "lag"
)

# -- projector ------------------------------------------------------------------------------------------------------------

UPDATES = Metric(
    "leadscorer_projection_updates_total", "counter",
    "Changes by kind and by what became of them: taken, older (left out: the projection has a later one, or had it "
    "before), unreadable (by topic: no worker of this system wrote it).", "projector", ("kind", "result"),
)  # fmt: skip
PROJECTION_BATCH_RECORDS = Metric(
    "leadscorer_projection_batch_records", "histogram", "Records that went to the server together.", "projector", (),
    BATCH_BOUNDS,
)  # fmt: skip
PROJECTION_BATCH_SECONDS = Metric(
    "leadscorer_projection_batch_seconds", "histogram", "Seconds that the server took for them.", "projector", (),
    TRANSACTION_BOUNDS,
)  # fmt: skip
RECORD_TO_PROJECTION = Metric(
    "leadscorer_record_to_projection_seconds", "histogram",
    "Seconds from a record's timestamp to its being readable. Records older than an hour are left out.", "projector", (),
    LATENCY_BOUNDS,
)  # fmt: skip
PROJECTION_LAG = Metric(
    "leadscorer_projection_lag_records", "gauge", "Offsets of this projector's partitions still to be projected.",
    "projector", _TOPIC,
)  # fmt: skip
PROJECTION_DELAY = Metric(
    "leadscorer_projection_delay_seconds", "gauge",
    "Age of the newest projected record of the partition that is furthest behind; 0 where nothing is left.",
    "projector", _TOPIC,
)  # fmt: skip
PROJECTION_STUCK = Metric(
    "leadscorer_projection_stuck_seconds", "gauge", "For how long records have been left and none was projected.",
    "projector",
)  # fmt: skip
PROJECTION_RETRIES = Metric(
    "leadscorer_projection_retries_total", "counter",
    "Times it had to look where to read on: unreachable (no answer, or loading), gap (the server lost its last "
    "seconds), gone (another generation is live, or everything was lost), shrunk (a topic was made anew).",
    "projector", ("reason",),
)  # fmt: skip
PROJECTION_READY = Metric(
    "leadscorer_projection_ready", "gauge", "1 while there is a whole projection that is kept in step.", "projector"
)
PROJECTION_GENERATION = Metric(
    "leadscorer_projection_generation", "gauge", "The number of the live generation.", "projector"
)
PROJECTION_REBUILDING = Metric(
    "leadscorer_projection_rebuilding", "gauge", "1 while another generation is built beside the live one.", "projector"
)
PROJECTION_PARTITIONS = Metric(
    "leadscorer_projection_partitions", "gauge", "Partitions that this projector has.", "projector"
)

# -- query API: besides, the lag's metrics, of all groups ------------------------------------------------------------------

HTTP_REQUESTS = Metric(
    "leadscorer_http_requests_total", "counter", "Requests by the route's template (never the path), method and status.",
    "serve", ("route", "method", "status"),
)  # fmt: skip
HTTP_SECONDS = Metric(
    "leadscorer_http_request_seconds",
    "histogram",
    "Seconds until the answer began.",
    "serve",
    ("route",),
    LATENCY_BOUNDS,
)
HTTP_STREAMS = Metric("leadscorer_http_streams", "gauge", "Event streams that are open.", "serve")
SERVED_READY = Metric("leadscorer_served_ready", "gauge", "1 while there is a whole projection to read.", "serve")
SERVED_LAG = Metric(
    "leadscorer_served_lag_records", "gauge",
    "Committed messages that the projection does not have, by its positions in the server.", "serve", _TOPIC,
)  # fmt: skip
SERVED_DELAY = Metric(
    "leadscorer_served_delay_seconds", "gauge", "Age of the oldest of them; 0 where there is none.", "serve", _TOPIC
)

# -- connectors -----------------------------------------------------------------------------------------------------------

CONNECTOR_QUEUE = Metric("leadscorer_connector_queue", "gauge", "Changes waiting to be sent.", "connector", _CONNECTOR)
CONNECTOR_OLDEST = Metric(
    "leadscorer_connector_oldest_seconds", "gauge",
    "How long ago the oldest transition or erasure that waits was committed; 0 where none waits.", "connector",
    _CONNECTOR,
)  # fmt: skip
CONNECTOR_PARKED = Metric(
    "leadscorer_connector_parked", "gauge", "Changes that lie parked until somebody retries or drops them.", "connector",
    _CONNECTOR,
)  # fmt: skip
CONNECTOR_SENT = Metric(
    "leadscorer_connector_sent_total", "counter", "Changes by the destination's answer: ok, retried, parked.", "connector",
    ("connector", "result"),
)  # fmt: skip
CONNECTOR_FAILURES = Metric(
    "leadscorer_connector_failures_total", "counter",
    "Changes that were not taken, by kind: record (this one, for now), endpoint (the destination is down), throttle (it "
    "asks for less), refused (for good), split (its batch).", "connector", ("connector", "kind"),
)  # fmt: skip
CONNECTOR_REQUEST_SECONDS = Metric(
    "leadscorer_connector_request_seconds", "histogram", "Seconds that a request took.", "connector", _CONNECTOR,
    LATENCY_BOUNDS,
)  # fmt: skip
CONNECTOR_DELAY_SECONDS = Metric(
    "leadscorer_connector_delay_seconds", "histogram", "Seconds from a transition's commit to the destination's yes.",
    "connector", _CONNECTOR, LATENCY_BOUNDS,
)  # fmt: skip
CONNECTOR_OPEN = Metric(
    "leadscorer_connector_breaker_open", "gauge", "1 while nothing is sent because the destination fails.", "connector",
    _CONNECTOR,
)  # fmt: skip
CONNECTOR_STUCK = Metric(
    "leadscorer_connector_stuck_seconds", "gauge",
    "For how long a batch has been on its way without a sign; waiting for the destination's rate is none.", "connector",
    _CONNECTOR,
)  # fmt: skip
CONNECTOR_READY = Metric("leadscorer_connector_ready", "gauge", "1 once it has begun to send.", "connector", _CONNECTOR)

METRICS: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))

"""Bytewax, one worker, without its recovery: what a crash loses is read again from the first event."""

import signal
from typing import Any

import bytewax.operators as op  # type: ignore[import-not-found,import-untyped,unused-ignore]
import orjson
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage  # type: ignore[import-not-found,import-untyped,unused-ignore]
from bytewax.connectors.kafka import operators as kop  # type: ignore[import-not-found,import-untyped,unused-ignore]
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found,import-untyped,unused-ignore]
from bytewax.testing import cluster_main  # type: ignore[import-not-found,import-untyped,unused-ignore]

from bench.peers.job import THRESHOLD, Task, after_event, crossing, task_of_arguments

State = tuple[float, int]


def keyed(message: KafkaSourceMessage[Any, Any]) -> tuple[str, dict[str, Any]]:
    """Lead and event."""
    event = orjson.loads(message.value)
    return "user:" + event["user_id"], event


def score(state: State | None, event: dict[str, Any]) -> tuple[State, list[dict[str, object]]]:
    """The small job."""
    at = event["properties"]["at"]
    before, then = state or (0.0, 0)
    after = after_event(before, then, at)
    if before < THRESHOLD <= after:
        return (after, at), [crossing("user:" + event["user_id"], event["event_id"], after)]
    return (after, at), []


def told(item: tuple[str, dict[str, object]]) -> KafkaSinkMessage[bytes, bytes]:
    """The message."""
    return KafkaSinkMessage(item[0].encode(), orjson.dumps(item[1]))


def flow_of(task: Task) -> Dataflow:
    """The dataflow."""
    flow = Dataflow("peers")
    events = kop.input("events", flow, brokers=[task.broker], topics=task.inputs)
    leads = op.map("keyed", events.oks, keyed)
    crossings = op.stateful_flat_map("score", leads, score)
    kop.output("crossings", op.map("told", crossings, told), brokers=[task.broker], topic=task.output)
    return flow


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends in order at ctrl-C only
    cluster_main(flow_of(task_of_arguments()), [], 0)

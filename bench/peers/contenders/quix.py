"""Quix Streams with its state store (RocksDB) and changelog topics, otherwise as it is by default. At least once."""

from typing import Any

from quixstreams import Application, State  # type: ignore[import-not-found,import-untyped,unused-ignore]

from bench.peers.job import THRESHOLD, Task, after_event, crossing, task_of_arguments


def score(event: dict[str, Any], state: State) -> dict[str, Any] | None:
    """The small job; None where nothing is to be told."""
    at = event["properties"]["at"]
    before, then = state.get("lead", (0.0, 0))
    after = after_event(before, then, at)
    state.set("lead", (after, at))
    if before < THRESHOLD <= after:
        return crossing("user:" + event["user_id"], event["event_id"], after)
    return None


def work(task: Task) -> None:
    """Until SIGTERM. A topic has a store of its own there, and a lead's events are all on one topic."""
    app = Application(
        broker_address=task.broker,
        consumer_group=task.group,
        auto_offset_reset="earliest",
        state_dir=task.folder,
        loglevel="WARNING",
    )
    crossings = app.topic(task.output, key_serializer="bytes", value_serializer="json")
    for name in task.inputs:
        events = app.dataframe(app.topic(name, key_deserializer="bytes", value_deserializer="json"))
        events.apply(score, stateful=True).filter(lambda told: told is not None).to_topic(crossings)
    app.run()


if __name__ == "__main__":
    work(task_of_arguments())

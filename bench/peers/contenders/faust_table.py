"""Faust as its tutorial has it: `async for event in stream`, a table, a send. At least once."""

import sys
from collections.abc import AsyncIterable
from typing import Any

import faust  # type: ignore[import-not-found,import-untyped,unused-ignore]

from bench.peers.job import THRESHOLD, Task, after_event, crossing, task_of_arguments


def create_app(task: Task) -> Any:
    """The app; everything not named here is Faust's default."""
    app = faust.App(
        task.group,
        broker=f"kafka://{task.broker}",
        store="memory://",
        value_serializer="json",
        topic_partitions=task.partitions,
        consumer_auto_offset_reset="earliest",
        datadir=task.folder,
        web_enabled=False,
    )
    events = app.topic(*task.inputs, value_serializer="json")
    crossings = app.topic(task.output, value_serializer="json")
    leads = app.Table("leads", partitions=task.partitions)

    @app.agent(events)
    async def score(stream: AsyncIterable[Any]) -> None:
        async for event in stream:
            lead, at = "user:" + event["user_id"], event["properties"]["at"]
            before, then = leads.get(lead, (0.0, 0))
            after = after_event(before, then, at)
            leads[lead] = [after, at]
            if before < THRESHOLD <= after:
                await crossings.send(key=lead, value=crossing(lead, event["event_id"], after))

    return app


if __name__ == "__main__":
    app = create_app(task_of_arguments())
    sys.argv = sys.argv[:1]
    faust.Worker(app, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()

"""The two Faust agents: each brings its chunks to their lanes.

The rule: an agent does no work of its own. What happens to a record is decided in its lane; an exception here would make
Faust skip the chunk, so it ends the process instead.
"""

from typing import Any

import faust

from stream_app.streaming.lanes import Failed, Lanes
from stream_app.streaming.settings import AgentSettings
from stream_app.streaming.transport import ChunkSchema


def add_agent(app: faust.App, agent: AgentSettings, lanes: Lanes, failed: Failed) -> Any:
    """Declare an agent in the app."""
    schema = ChunkSchema(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    inputs = app.topic(*agent.topics, schema=schema, acks=False, internal=False)

    async def deliver(chunks: Any) -> None:
        async for chunk in chunks:
            try:
                lanes.offer(chunk)
            except Exception as error:  # noqa: BLE001 - Faust would skip the chunk and go on
                failed(f"agent {agent.name} failed", error)

    return app.agent(inputs, name=f"{app.conf.id}.{agent.name}")(deliver)

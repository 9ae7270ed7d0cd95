"""What of identity needs a real broker but no worker."""

from pathlib import Path

from stream_app.streaming.processor import Output
from stream_app.streaming.settings import AgentSettings, WorkerSettings
from stream_app.streaming.transaction import Transactor
from tests.lanes.kafka_tools import read_all
from tests.pipeline.models import TEXT
from tests.pipeline.system import System

LARGE = 4 << 20
"""More than a batch, less than the largest record of the topics that hold states."""


async def test_states_larger_than_a_batch_travel(broker: str, tmp_path: Path) -> None:
    """A merge of one that size is a transaction like others, in the inbox and in the changelog."""
    file = tmp_path / "small.yaml"
    file.write_text(TEXT)
    system = await System(broker, tmp_path, file, partitions=1).create()
    inbox, changelog = system.topic("lead-inbox"), system.manifest.changelog("lead").name
    agent = AgentSettings(name="lead", topics=[inbox], changelog=changelog, table="leads")
    settings = WorkerSettings(broker=broker, app=system.group, partitions=1, agents=[agent], data_dir=tmp_path)
    transactor = Transactor(settings, agent, 0)
    await transactor.start()
    try:
        small, large = Output(inbox, b"user:v", b"s"), Output(inbox, b"user:u", b"x" * LARGE)
        await transactor.commit([(b"user:u", b"y" * LARGE)], [small, large, small], {inbox: 0})
    finally:
        await transactor.stop()
    assert [len(record.value) for record in await read_all(broker, inbox, 1)] == [1, LARGE, 1]
    assert [len(value) for value in (await system.entries("lead")).values()] == [LARGE]

"""When a worker ends itself, and two agents in one worker."""

from pathlib import Path

from aiokafka import AIOKafkaProducer

from tests.lanes.kafka_tools import make_topics, table
from tests.lanes.process import until
from tests.lanes.scenario import PARTITIONS, START_MS, Scenario


async def test_a_stalled_event_loop_ends_the_process(broker: str, tmp_path: Path) -> None:
    """A processor that never returns stops heartbeats and everything else: code 70, with where it hung."""
    scenario = Scenario(broker, tmp_path)
    await scenario.create()
    await scenario.load(events=50, keys=5)
    with scenario.worker("a", {"hang": "e25"}, limits={"stall": 2.0}) as worker:
        assert worker.wait(30) == 70
        assert "the event loop took no turn for 2 s" in worker.said()
        assert "counting.py" in worker.said()


async def test_two_agents_have_lanes_of_their_own(broker: str, tmp_path: Path) -> None:
    """What the lead agent sends to the account agent's inbox is counted there, in a changelog of its own."""
    scenario = Scenario(broker, tmp_path, inputs=("web",))
    await scenario.create("inbox", "account-events")
    accounts = scenario.topic("accounts-changelog")
    await make_topics(broker, [], PARTITIONS, [accounts])
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for number in range(100):
            key, to = b"user:%d" % (number % 20), b"to:acme%d" % (number % 3)
            await producer.send(scenario.topic("web"), to, key, partition=number % 4, timestamp_ms=START_MS + number)
    worker = scenario.worker("a", {"inbox": scenario.topic("inbox")})
    topics = [scenario.topic("inbox"), scenario.topic("account-events")]
    worker.settings["agents"].append({"name": "account", "topics": topics, "changelog": accounts, "table": "accounts"})
    with worker:
        await worker.ready()
        assert len(worker.assigned()) == 8

        async def arrived() -> bool:
            return {key: b'"n": ' in value for key, value in (await table(broker, accounts, PARTITIONS)).items()} == {
                b"acme0": True,
                b"acme1": True,
                b"acme2": True,
            }

        await until(arrived, 20)
        await scenario.caught_up()
        assert worker.stop() == 0
    assert sum(n for n, _ in (await scenario.actual()).values()) == 100

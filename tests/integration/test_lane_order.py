"""What a lane makes of its topics: one order, no stall, no surprise."""

from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.lanes.kafka_tools import make_topics
from tests.lanes.process import until
from tests.lanes.scenario import PARTITIONS, START_MS, Scenario


@pytest.mark.parametrize(
    "pacing",
    [
        {"slice_records": 7, "buffer_records": 10, "transaction_records": 20, "partition_fetch_bytes": 2000},
        {},
    ],
    ids=["tiny chunks", "big chunks"],
)
async def test_topics_are_merged_by_time(broker: str, tmp_path: Path, pacing: dict[str, int]) -> None:
    """A backlog on three topics is processed in the order of timestamps, whatever the sizes of chunks."""
    scenario = Scenario(broker, tmp_path)
    await scenario.create("trace")
    await scenario.load(events=3000, keys=50)
    with scenario.worker("a", {"trace": scenario.topic("trace")}, pacing=pacing) as worker:
        await scenario.caught_up()
        assert worker.stop() == 0
    await scenario.check()
    rows = sorted((row for some in scenario.rows.values() for row in some), key=lambda row: row[1])
    expected: dict[bytes, list[str]] = {}
    for _, _, key, value in rows:
        expected.setdefault(key, []).append(value.decode())
    assert await scenario.told("trace") == expected


async def test_inbox_with_aborted_and_open_transactions_stalls_nothing(broker: str, tmp_path: Path) -> None:
    """Records of an aborted transaction are passed over; an open one holds back its own topic, and nothing else."""
    scenario = Scenario(broker, tmp_path, inputs=("web", "email", "inbox"))
    await scenario.create()
    aborting = AIOKafkaProducer(bootstrap_servers=broker, transactional_id=f"{scenario.name}-aborting")
    await aborting.start()
    inbox = scenario.topic("inbox")
    await aborting.begin_transaction()
    for number in range(20):
        value = b"never %d" % number
        await aborting.send_and_wait(inbox, value, b"user:1", partition=1, timestamp_ms=START_MS)
    await aborting.abort_transaction()
    scenario.inputs = ("web", "email")
    await scenario.load(events=500, keys=20)
    scenario.inputs = ("web", "email", "inbox")
    await aborting.begin_transaction()
    await aborting.send_and_wait(inbox, b"late", b"user:2", partition=2, timestamp_ms=START_MS)
    with scenario.worker("a") as worker:
        await scenario.caught_up(within=20)
        assert await scenario.actual() == scenario.expected()
        await aborting.commit_transaction()
        await aborting.stop()

        async def counted() -> bool:
            await scenario.caught_up(within=20)
            return sum(n for n, _ in (await scenario.actual()).values()) == 501

        await until(counted, 20)
        assert worker.stop() == 0


async def test_a_lane_feeds_its_own_inbox(broker: str, tmp_path: Path) -> None:
    """A record forwarded to another key arrives once, on the partition that Kafka's default partitioner gives."""
    scenario = Scenario(broker, tmp_path, inputs=("web", "inbox"))
    await scenario.create()
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for number in range(100):
            to = b"to:user:%d" % (number % 10)
            await producer.send(scenario.topic("web"), to, b"anon", partition=0, timestamp_ms=START_MS + number)
    with scenario.worker("a", {"inbox": scenario.topic("inbox")}) as worker:
        await worker.ready()

        async def arrived() -> bool:
            return sum(n for n, _ in (await scenario.actual()).values()) == 200

        await until(arrived, 20)
        await scenario.caught_up(within=10)
        assert worker.stop() == 0
    assert {key: n for key, (n, _) in (await scenario.actual()).items()} == {
        b"anon": 100,
        **{b"user:%d" % number: 10 for number in range(10)},
    }


async def test_poison_ends_the_process_with_a_reason(broker: str, tmp_path: Path) -> None:
    """An exception of the processor ends the worker with code 70; what came before it is committed or done again."""
    scenario = Scenario(broker, tmp_path)
    await scenario.create()
    await scenario.load(events=200, keys=5)
    with scenario.worker("a", {"poison": "e150"}) as worker:
        assert worker.wait(30) == 70
        assert "lane lead-" in worker.said() and "ValueError: poison" in worker.said()
    with scenario.worker("a") as worker:
        await scenario.caught_up()
        assert worker.stop() == 0
    await scenario.check()


async def test_wrong_partition_count_and_lost_changelog_are_refused(broker: str, tmp_path: Path) -> None:
    """A worker that would read keys without their state says so in a line and ends with code 2."""
    scenario = Scenario(broker, tmp_path)
    await scenario.create()
    await scenario.load(events=100, keys=5)
    with scenario.worker("a") as worker:
        await scenario.caught_up()
        assert worker.stop() == 0
    with scenario.worker("b", partitions=PARTITIONS + 1) as worker:
        assert worker.wait(30) == 2
        assert "has 4 partitions, not 5" in worker.said().splitlines()[-1]
    settings: Any = scenario.worker("c").settings
    settings["agents"][0]["changelog"] = scenario.topic("other")
    await make_topics(broker, [], PARTITIONS, [scenario.topic("other")])
    with scenario.worker("c", **settings) as worker:
        assert worker.wait(30) == 2
        assert "holds no state: it was deleted" in worker.said()
    settings["agents"][0]["changelog"] = scenario.topic("never-made")
    with scenario.worker("d", **settings) as worker:
        assert worker.wait(30) == 2
        assert f"no such topic: {scenario.topic('never-made')}" in worker.said().splitlines()[-1]


async def test_broker_that_is_not_there(tmp_path: Path) -> None:
    """One line and code 70, so that a supervisor tries again."""
    with Scenario("127.0.0.1:9", tmp_path).worker("a") as worker:
        assert worker.wait(30) == 70
        assert "no Kafka at 127.0.0.1:9" in worker.said()


async def test_time_does_not_pass_events(broker: str, tmp_path: Path) -> None:
    """With `--clock event` only what is due by the youngest event fires; with a wall clock in the past of it, the same."""
    scenario = Scenario(broker, tmp_path)
    await scenario.create()
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for number in range(10):
            await producer.send(
                scenario.topic("web"), b"x", b"user:%d" % number, partition=0, timestamp_ms=START_MS + 1000 * number
            )
    with scenario.worker("a", {"rest_ms": 5000, "every": 1000}, clock="event") as worker:
        await worker.ready()

        async def all_fired() -> bool:
            return len(await scenario.told()) == 5

        await until(all_fired, 20)
        assert worker.stop() == 0
    told = await scenario.told()
    assert told == {b"user:%d" % number: [{"due": START_MS + 1000 * number + 5000}] for number in range(5)}

"""`stream-app lag` on a real broker, held to Kafka's own `kafka-consumer-groups`: a worker that works, is frozen, is dead."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from stream_app.engine.times import MINUTE
from stream_app.ops.lag import Lag, worst
from stream_app.ops.lag_look import look_once
from stream_app.ops.lag_reader import EXACT
from stream_app.topics import load_manifest
from tests.lanes.consumer_groups import described
from tests.lanes.kafka_tools import fill, make_topics
from tests.lanes.process import ROOT, until
from tests.pipeline.desk import event
from tests.pipeline.models import TEXT
from tests.pipeline.story import write
from tests.pipeline.system import COMMAND, System

PARTITIONS = 2


async def compared(broker: str, group: str, lags: Sequence[Lag]) -> None:
    """Committed offsets and ends are what Kafka's tool says; so is the lag, but for what is no message."""
    theirs = await asyncio.to_thread(described, broker, group)
    ours = {(lag.reading.topic, lag.reading.partition): lag.reading for lag in lags}
    assert {place: (row.committed, row.end) for place, row in ours.items()} == {
        place: (committed, end) for place, (committed, end, _) in theirs.items()
    }
    for place, (_, _, lag) in theirs.items():
        assert ours[place].lag <= (lag or 0), place


async def lag_command(system: System, *words: str) -> tuple[int, list[dict[str, Any]]]:
    """`stream-app lag --json`: its exit code and what it printed."""
    place = ["--bootstrap", system.broker, "--prefix", system.manifest.prefix]
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "lag", "--json", *place, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    out, err = await process.communicate()
    assert out, err.decode()
    return process.returncode or 0, json.loads(out)


async def test_a_worker_at_work_frozen_and_dead(broker: str, tmp_path: Path) -> None:
    """What is left is told while the worker works, while it is frozen and holds its partitions, and when it is gone."""
    model, first, second = tmp_path / "small.yaml", tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    model.write_text(TEXT)
    old = time.time_ns() // 1_000_000 - 10 * MINUTE
    write(first, [event(n, old + n, user=f"u{n}", channel="web") for n in range(50)])
    write(second, [event(100 + n, old + MINUTE + n, user=f"u{n}", channel="web") for n in range(30)])
    system = await System(broker, tmp_path, model, partitions=PARTITIONS, clock="wall").create()
    await system.produce(first)
    look = partial(look_once, broker, system.manifest, (system.group,))

    before = await look()
    assert {lag.status for lag in before} == {"stopped"}
    assert (sum(lag.reading.lag for lag in before), {lag.reading.committed for lag in before}) == (50, {None})

    with system.worker("one") as worker:
        await worker.ready()
        await system.caught_up()
        lags = await look_once(broker, system.manifest)  # found by itself, by the topics that it reads
        assert {(lag.reading.group, lag.reading.lag, lag.status) for lag in lags} == {(system.group, 0, "ok")}
        assert len(lags) == PARTITIONS * 7
        await compared(broker, system.group, lags)
        assert (await lag_command(system, "--max-seconds", "5"))[0] == 0

        worker.send(signal.SIGSTOP)
        await system.produce(second)
        lags = await look()
        web = [lag for lag in lags if lag.reading.topic == system.topic("web-events")]
        assert sum(lag.reading.lag for lag in lags) == sum(lag.reading.lag for lag in web) == 30
        assert {lag.status for lag in web} == {"stalled"}
        assert {lag.status for lag in lags if lag not in web} == {"ok"}
        assert min(lag.reading.oldest_at or 0 for lag in web) == old + MINUTE
        assert 9 * 60 < worst(lags) < 10 * 60
        await compared(broker, system.group, lags)

        worker.kill()
        code, printed = await lag_command(system, "--group", system.group, "--max-seconds", "60")
        assert (code, sum(row["lag"] for row in printed)) == (1, 30)

        async def is_stopped() -> bool:
            return {lag.status for lag in await look()} == {"stopped"}

        await until(is_stopped, 30.0)


async def test_transaction_markers_are_no_lag(broker: str) -> None:
    """Nothing but markers and aborted records after the committed offset: nothing is left to read, and what an open
    transaction holds back is not yet there. A thousand records and more are counted by their offsets."""
    manifest = load_manifest(f"lag{time.time_ns()}.", 1)
    topic, group = manifest["transitions"].name, f"{manifest.prefix}reader"
    place = TopicPartition(topic, 0)
    await make_topics(broker, [topic], 1)
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, group_id=group, enable_auto_commit=False)
    consumer.assign([place])
    await consumer.start()
    writer = AIOKafkaProducer(bootstrap_servers=broker, transactional_id=f"{group}-w")
    await writer.start()

    async def committed(offset: int) -> Lag:
        await consumer.commit({place: offset})
        (lag,) = await look_once(broker, manifest, (group,))
        return lag

    try:
        for _ in range(2):  # offsets 0 to 7: three records and a marker, twice
            async with writer.transaction():
                for number in range(3):
                    await writer.send_and_wait(topic, b"%d" % number, timestamp_ms=1_000)
        with pytest.raises(RuntimeError, match="take it back"):  # 8 and 9
            async with writer.transaction():
                await writer.send_and_wait(topic, b"aborted")
                raise RuntimeError("take it back")
        lag = await committed(3)
        assert (lag.reading.end, lag.reading.lag, lag.reading.oldest_at) == (10, 3, 1_000)
        assert ((await committed(7)).reading.lag, lag.reading.partition) == (0, 0)  # Kafka's tool: 3
        assert described(broker, group)[topic, 0] == (7, 10, 3)

        await writer.begin_transaction()
        await writer.send_and_wait(topic, b"open")
        open_ = await committed(10)
        assert (open_.reading.end, open_.reading.lag) == (10, 0)
        await writer.commit_transaction()
        await fill(broker, topic, [(0, 1_000 + n, b"", b"") for n in range(EXACT + 5)])
        assert (await committed(12)).reading.lag == EXACT + 5
        assert (await committed(20)).reading.oldest_at == 1_008
    finally:
        await writer.stop()
        await consumer.stop()


async def test_watch_ends_well(broker: str, tmp_path: Path) -> None:
    """Ctrl-C is how `--watch` ends: what was seen was printed, and the exit code is 0."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *COMMAND[1:], "lag", "--watch", "--json", "--every", "0.5", "--bootstrap", broker,
        "--prefix", "nobody.", "--group", "nobody", stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    looks = [await asyncio.wait_for(process.stdout.readline(), 20) for _ in range(2)]
    process.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(process.communicate(), 10)
    assert (looks, process.returncode, b"Traceback" in err) == ([b"[]\n", b"[]\n"], 0, False)

"""Every process as a user of its own, with what docs/operations.md tells operators to grant it and nothing else."""

import asyncio
import json

import pytest
from aiohttp import ClientSession, ClientTimeout
from aiokafka import AIOKafkaProducer

from tests.pipeline.models import TEXT
from tests.secured.cluster import EVENT, PARTITIONS, Cluster, Process, caught_up, done, no_secret
from tests.secured.fixtures import cluster, rediss, secured
from tests.vendors.configs import ENVIRONMENT, webhook_text
from tests.vendors.webhook import Receiver

__all__ = ["cluster", "rediss", "secured"]  # fixtures


async def send_bad(cluster: Cluster) -> None:
    """A record that will be refused, by the listener of the tests."""
    async with AIOKafkaProducer(bootstrap_servers=cluster.server.bootstrap) as producer:
        bad = json.dumps(EVENT | {"event_id": "2", "colour": "red"}).encode()
        await producer.send_and_wait(cluster.manifest["web-events"].name, bad, b"user:ann")


@pytest.mark.timeout(240)
async def test_every_process_with_what_the_page_grants_and_no_more(cluster: Cluster, rediss: dict[str, str]) -> None:
    """Over SASL_SSL, each as a user of its own: an event is scored, shown, projected and told; a model is published, a
    letter sent again, a person erased. No process says a secret."""
    await cluster.allow()
    events = cluster.directory / "events.ndjson"
    events.write_text(json.dumps(EVENT) + "\n")
    as_reader = cluster.scram("lead show")
    await done(cluster.scram("topics create"), "topics", "create", "--partitions", str(PARTITIONS))
    await done(cluster.scram("produce"), "produce", str(events))
    await send_bad(cluster)
    words = ["worker", "--group", cluster.group, "--partitions", str(PARTITIONS), "--clock", "event"]
    words += ["--data-dir", str(cluster.directory / "data"), "--store", "rocksdb", "--log-level", "debug"]
    with Process(cluster.directory, cluster.scram("worker"), *words) as worker:
        await worker.says("\nready\n")
        await caught_up(cluster.scram("lag"), cluster.group)
        shown = json.loads(await done(as_reader, "lead", "show", "user:ann", "--json"))
        assert shown["scores"]["interest"] > 0, shown

        replay = ["dead-letters", "replay", "--all", "--remove", "/colour"]
        assert '"schema"' in await done(cluster.scram("dead-letters list"), "dead-letters", "list", "--json")
        await done(cluster.scram("dead-letters replay"), *replay)
        second = cluster.directory / "second.yaml"
        second.write_text(TEXT.replace("points: 10", "points: 12"))
        await done(cluster.scram("model publish"), "model", "publish", str(second), "--by", "ann", "--wait", "30")
        assert json.loads(await done(cluster.scram("model list"), "model", "list", "--json"))["live"]
        await caught_up(cluster.scram("lag"), cluster.group)

        await projected_and_served(cluster, rediss)
        await connected(cluster)
        await done(cluster.scram("lead erase"), "lead", "erase", "user:ann")
        assert await asyncio.to_thread(worker.stop) == 0
        assert no_secret(worker.said()), worker.said()


async def projected_and_served(cluster: Cluster, rediss: dict[str, str]) -> None:
    """The projection over TLS to Redis and Kafka, the queue from it, and an API that has Kafka for its stream."""
    with Process(cluster.directory, cluster.scram("projector", **rediss), "projector") as projector:
        await projector.says("ready")
        queue = await done(cluster.scram("top", **rediss), "top", "--json", "--limit", "1")
        assert json.loads(queue.splitlines()[0])["lead"] == "user:ann"
        await asyncio.to_thread(projector.stop)  # the tunnel runs in this loop
        assert no_secret(projector.said())
    keys = ["--keys", str(cluster.directory / "keys.json")]
    token = (await done(cluster.environ(), "serve", "keys", "create", "test", *keys)).strip()
    with Process(cluster.directory, cluster.scram("serve", **rediss), "serve", "--port", "0", *keys) as served:
        await served.says("listening on")
        url = served.said().rpartition("listening on ")[2].split()[0]
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            ClientSession(timeout=ClientTimeout(20)) as session,
            session.get(f"{url}/api/v1/transitions/stream", headers=headers) as stream,
        ):
            assert b"event: open\n" in [await stream.content.readline() for _ in range(2)]
        await asyncio.to_thread(served.stop)  # the tunnel runs in this loop
        assert no_secret(served.said())


async def connected(cluster: Cluster) -> None:
    """A connector joins its group and makes its parked queue."""
    async with Receiver() as receiver:
        file = cluster.directory / "crm.yaml"
        file.write_text(webhook_text(receiver.hook))
        environ = cluster.scram("connect NAME", **ENVIRONMENT)
        with Process(cluster.directory, environ, "connect", cluster.name, "--config", str(file)) as process:
            await process.says("ready\n")
            await process.says("reading ")
            assert await asyncio.to_thread(process.stop) == 0
            assert no_secret(process.said())

"""The embedded servers, as a program that owns them sees them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis import Redis

from stream_app.local.errors import LocalServiceError
from stream_app.local.kafka import KafkaServer
from stream_app.local.probe import kafka_answers, kafka_cluster, redis_answers, redis_process
from stream_app.local.process import ProcessIdentity, free_port, wait_until
from stream_app.local.valkey import ValkeyServer


async def test_records_and_port_survive_a_power_cut(kafka_server: KafkaServer, broker: str) -> None:
    """A broker that was killed comes back on its port with the records that it had acknowledged."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.create_topics([NewTopic("power-cut", num_partitions=1, replication_factor=1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        await producer.send_and_wait("power-cut", b"still here")

    kafka_server.kill()
    assert not kafka_server.running
    kafka_server.start()

    assert kafka_server.bootstrap == broker
    consumer = AIOKafkaConsumer(bootstrap_servers=broker)
    await consumer.start()
    consumer.assign([TopicPartition("power-cut", 0)])
    await consumer.seek_to_beginning()
    assert (await consumer.getone()).value == b"still here"
    await consumer.stop()


async def test_transactions_work_on_one_node(broker: str) -> None:
    """Exactly-once producers can commit: the transaction log needs no second replica."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.create_topics([NewTopic("transactions-work", num_partitions=1, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=broker, transactional_id="local-test")
    async with producer, producer.transaction():
        record = await producer.send_and_wait("transactions-work", b"x")
    assert record.offset == 0


def test_valkey_takes_commands(valkey: str) -> None:
    """The projection's commands find a Redis-compatible server."""
    client = Redis.from_url(valkey)
    assert client.set("local:key", "value") is True
    assert client.get("local:key") == b"value"
    client.close()


def test_valkey_keeps_its_data_over_a_restart(tmp_path: Path) -> None:
    """With `persist`, what was written is there after an orderly stop and start."""
    server = ValkeyServer(tmp_path)
    with server:
        Redis.from_url(server.url).set("kept", "yes")
    with server:
        assert Redis.from_url(server.url).get("kept") == b"yes"


_OWNER = """
import sys
from pathlib import Path
from stream_app.local.errors import LocalServiceError
from stream_app.local.kafka import KafkaServer
from stream_app.local.valkey import ValkeyServer
folder = Path(sys.argv[1])
valkey, kafka = ValkeyServer(folder / "valkey"), KafkaServer(folder / "kafka", heap="256m")
valkey.start()
kafka.start()
print(valkey.port, valkey.process.pid, kafka.port, kafka.process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_servers_end_with_their_owner(tmp_path: Path, broker: str, ending: signal.Signals) -> None:
    """However the owner ends, kill -9 included, both servers are gone soon after."""
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout is not None
        valkey_port, valkey_pid, kafka_port, kafka_pid = map(int, owner.stdout.readline().split())
        servers = [ProcessIdentity.of(valkey_pid), ProcessIdentity.of(kafka_pid)]
        assert None not in servers
        assert kafka_answers("127.0.0.1", kafka_port)
        assert redis_answers("127.0.0.1", valkey_port)
        os.kill(owner.pid, ending)
    assert wait_until(lambda: not any(server is not None and server.alive() for server in servers), 30)


def test_server_of_another_on_the_port_is_not_taken_for_ones_own(
    tmp_path: Path, kafka_server: KafkaServer, broker: str, valkey_server: ValkeyServer, valkey: str
) -> None:
    """A server that can't have its port fails, though somebody answers there."""
    with pytest.raises(LocalServiceError, match=f"Valkey did not start on port {valkey_server.port}"):
        ValkeyServer(tmp_path / "valkey", port=valkey_server.port).start()
    with pytest.raises(LocalServiceError, match=f"Kafka did not start on port {kafka_server.port}: .*in use"):
        KafkaServer(tmp_path / "kafka", port=kafka_server.port, heap="256m").start()


def test_servers_say_which_they_are(
    kafka_server: KafkaServer, broker: str, valkey_server: ValkeyServer, valkey: str
) -> None:
    """A broker by its cluster id, a Valkey by its process; nobody where nobody listens."""
    assert kafka_cluster("127.0.0.1", kafka_server.port) is not None
    assert kafka_cluster("127.0.0.1", valkey_server.port) is None
    assert valkey_server.process is not None
    assert redis_process("127.0.0.1", valkey_server.port) == valkey_server.process.pid
    nobody = free_port()
    assert kafka_cluster("127.0.0.1", nobody) is None
    assert redis_process("127.0.0.1", nobody) is None
    assert not kafka_answers("127.0.0.1", nobody)
    assert not redis_answers("127.0.0.1", kafka_server.port)

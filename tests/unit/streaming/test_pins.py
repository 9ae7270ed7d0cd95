"""The internals of Faust and aiokafka that the lane relies on. When one fails after an upgrade, its message says what to look at."""

import inspect
import re

import aiokafka
import faust
from aiokafka.consumer import fetcher, group_coordinator, subscription_state
from aiokafka.partitioner import murmur2
from aiokafka.producer import message_accumulator, sender, transaction_manager
from aiokafka.producer.producer import AIOKafkaProducer
from faust.app.base import App, BootStrategy
from faust.transport import conductor, consumer

from stream_app.streaming.transaction import default_partition


def source(thing: object) -> str:
    """Source code with single spaces."""
    return re.sub(r"\s+", " ", inspect.getsource(thing))  # type: ignore[arg-type]


def test_versions_are_the_pinned_minor_ones() -> None:
    """The lane is built on the insides of these versions."""
    assert aiokafka.__version__.startswith("0.14."), "aiokafka's minor version changed: go through test_pins.py"
    assert faust.__version__.startswith("0.15."), "Faust's minor version changed: go through test_pins.py"


def test_consumer_has_no_new_duties() -> None:
    """LaneConsumer implements what Faust's consumer leaves open."""
    known = {
        "_commit", "_getmany", "_new_topicpartition", "_seek", "_to_message", "assignment", "create_topic",
        "earliest_offsets", "highwater", "highwaters", "key_partition", "position", "seek_to_committed", "seek_wait",
        "subscribe", "topic_partitions",
    }  # fmt: skip
    assert set(consumer.Consumer.__abstractmethods__) == known, "Faust's Consumer has other abstract methods now"


def test_fetch_loop_is_still_the_consumers() -> None:
    """LaneConsumer replaces `_drain_messages`, which the fetcher service calls with itself."""
    assert "await consumer._drain_messages(self)" in source(consumer.Fetcher._fetcher.fun), (
        "Faust's Fetcher no longer calls Consumer._drain_messages: chunks would not be read"
    )


def test_offsets_are_committed_through_commit_only() -> None:
    """LaneConsumer.commit does nothing, so Faust commits nothing."""
    assert "await self.commit()" in source(consumer.Consumer._commit_handler.fun), (
        "Faust commits offsets by another way than Consumer.commit: they would leave the transaction"
    )


def test_seeks_after_a_rebalance_go_through_perform_seek() -> None:
    """LaneConsumer.perform_seek does nothing: lanes set their positions."""
    from faust.tables.recovery import Recovery

    for method in (Recovery._resume_streams, Recovery.on_recovery_completed):
        assert "consumer.perform_seek()" in source(method), (
            "Faust seeks by another way than Consumer.perform_seek: it would move the lanes' positions"
        )


def test_recovery_reads_assigned_changelogs_only() -> None:
    """Our assignor assigns no changelog, so Faust has nothing to recover."""
    from faust.tables.recovery import Recovery

    assert "app.assignor.assigned_actives()" in source(Recovery.on_rebalance), (
        "Faust's recovery finds its changelogs in another way than by its assignor: it might read the lanes'"
    )


def test_messages_reach_the_agent_by_the_schema() -> None:
    """Chunks pass the conductor undecoded: by `compile` of the topic's schema, with the generation they came in."""
    assert "chan.decode(message, propagate=True)" in source(conductor.ConductorCompiler.build)
    assert "generation_id" in inspect.signature(faust.types.ConsumerMessage.__init__).parameters, (
        "ConsumerMessage takes no generation_id any more: Faust's streams would drop or repeat chunks"
    )


def test_boot_strategy_starts_the_consumer_alone() -> None:
    """Our boot strategy leaves out Faust's producer, leader topic and reply consumer."""
    assert BootStrategy.enable_kafka_producer is None, "BootStrategy.enable_kafka_producer is gone or differs"
    assert "self.kafka_consumer()" in source(BootStrategy.server), "BootStrategy.server starts consumers differently"
    assert "datadir.mkdir" in source(App._create_directories), "Faust makes its directories elsewhere now"
    assert "def _new_transport" in source(App), "App._new_transport is gone: the batch transport would not be used"


def test_fetcher_state_is_what_the_lanes_read() -> None:
    """Whether a topic is read to its end is position against last stable offset, of the fetcher's state."""
    state = source(subscription_state.TopicPartitionState)
    for name in ("self.lso = None", "self.timestamp = None", "def position(self)", "def has_valid_position(self)"):
        assert name in state, f"aiokafka's TopicPartitionState has no `{name}`: lanes can't tell a topic's end"
    assert "tp_state.lso = lso" in source(fetcher.Fetcher._proc_fetch_request), (
        "aiokafka sets the last stable offset elsewhere: lanes might wait for ever"
    )


def test_markers_move_the_position() -> None:
    """A fetch of nothing but markers and aborted records moves the position past them."""
    unpack = source(fetcher.PartitionRecords._unpack_records)
    assert unpack.count("self.next_fetch_offset = next_batch.next_offset") >= 3, (
        "aiokafka no longer moves past control batches and aborted ones: lanes would wait for topics that ended"
    )
    assert "self._update_position()" in source(fetcher.FetchResult.getall)


def test_rebalance_waits_for_the_listener() -> None:
    """Lanes finish their transactions in the listener, before the group is joined again, and heartbeats go on."""
    join = source(group_coordinator.GroupCoordinator.ensure_active_group)
    assert join.index("_on_join_prepare") < join.index("_stop_heartbeat_task") < join.index("_do_rejoin_group"), (
        "aiokafka joins a group in another order: partitions might move while their transaction is open"
    )


def test_static_members_do_not_leave() -> None:
    """A restart within the session time-out moves nothing."""
    assert "self._group_instance_id is None" in source(group_coordinator.GroupCoordinator._maybe_leave_group), (
        "aiokafka makes static members leave the group when they stop"
    )


def test_starting_a_transactional_producer_fences() -> None:
    """`start` returns when the producer id is there, and so earlier owners are fenced and their transactions settled."""
    assert "await self._maybe_wait_for_pid()" in source(sender.Sender.start), (
        "aiokafka's producer starts before it has its id: a lane would read a changelog that can still grow"
    )
    init = source(sender.InitPIDHandler.handle_response)
    assert "ConcurrentTransactions" in init, "InitProducerId no longer waits for an open transaction to be settled"


def test_batches_wait_for_their_partition() -> None:
    """Records of a partition are produced after it was added to the transaction; a commit waits for all of them."""
    assert "partitions_to_add()" in source(sender.Sender._sender_routine)
    assert "flush_for_commit()" in source(sender.Sender._do_txn_commit)
    assert "maybe_add_partition_to_txn" in source(message_accumulator.MessageAccumulator), (
        "a batch is no longer added to the transaction when it is handed over"
    )
    assert "batch.future" in source(message_accumulator.MessageAccumulator.add_batch)
    assert hasattr(transaction_manager.TransactionManager, "is_fatal_error")
    assert {"batch", "topic", "partition"} <= set(inspect.signature(AIOKafkaProducer.send_batch).parameters)


def test_default_partitioner_is_kafkas() -> None:
    """murmur2 as in the Java clients: values from Kafka's own UtilsTest."""
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    for key, value in known.items():
        assert murmur2(key) & 0xFFFFFFFF == value & 0xFFFFFFFF
        assert default_partition(key, 7) == (value & 0x7FFFFFFF) % 7

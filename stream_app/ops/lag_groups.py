"""Consumer groups as Kafka's coordinators describe them: members, what they hold, what was committed.

aiokafka's own `list_consumer_group_offsets` does not look at the response's error code, so that a coordinator which is
just being moved looks like a group that never committed anything: here every error is one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from aiokafka.errors import GroupCoordinatorNotAvailableError, GroupIdNotFound, NonEmptyGroup, for_code
from aiokafka.protocol.admin import DeleteGroupsRequest, DescribeGroupsRequest
from aiokafka.protocol.commit import OffsetFetchRequest

from stream_app.broker import client_options
from stream_app.ops.lag import GroupState

_STATES: Mapping[str, GroupState] = {
    "Stable": "stable",
    "PreparingRebalance": "rebalancing",
    "CompletingRebalance": "rebalancing",
    "Empty": "empty",
}


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group: its state, the topics its members asked for, what they hold, and the committed offsets."""

    name: str
    state: GroupState
    subscribed: frozenset[str]
    held: frozenset[TopicPartition]
    committed: Mapping[TopicPartition, int]

    @property
    def topics(self) -> set[str]:
        """Every topic that it reads or has read."""
        return set(self.subscribed) | {place.topic for place in (*self.held, *self.committed)}


async def group_names(admin: AIOKafkaAdminClient) -> list[str]:
    """All consumer groups of the cluster."""
    try:
        listed = await admin.list_consumer_groups()
    except GroupCoordinatorNotAvailableError:
        return []
    return sorted(name for name, kind in listed if kind in ("consumer", ""))


async def delete_group(bootstrap: str, name: str) -> bool:
    """Delete a group, if there is one; False where it has members still. Raises `KafkaError`."""
    admin = AIOKafkaAdminClient(**client_options(bootstrap))
    await admin.start()
    try:
        node = await admin.find_coordinator(name)
        response = await admin._send_request(DeleteGroupsRequest([name]), node)
        for _, code in response.results:
            if code == NonEmptyGroup.errno:
                return False
            if code not in (0, GroupIdNotFound.errno):
                raise for_code(code)(f"consumer group {name}")
        return True
    except GroupCoordinatorNotAvailableError:
        return True  # nobody ever used a group on this broker
    finally:
        await admin.close()


async def describe(admin: AIOKafkaAdminClient, name: str) -> Group:
    """One group; `unknown` and empty where Kafka knows none of that name. Raises `KafkaError`."""
    try:
        node = await admin.find_coordinator(name)
    except GroupCoordinatorNotAvailableError:
        return _nobody(name)  # nobody ever used a group on this broker
    # Offsets before members and ends: what is committed meanwhile can only make the lag look greater, never negative.
    offsets = await admin._send_request(OffsetFetchRequest(name, None), node)
    _demand(offsets.error_code)
    committed = {}
    for topic, partitions in offsets.topics:
        for partition, offset, _, code in partitions:
            _demand(code)
            if offset >= 0:
                committed[TopicPartition(topic, partition)] = offset
    described = await admin._send_request(DescribeGroupsRequest([name]), node)
    code, _, state, _, _, members = described.groups[0][:6]
    _demand(code)
    return Group(
        name,
        _STATES.get(state, "unknown"),
        frozenset(topic for member in members for topic in _subscribed(member[3])),
        frozenset(place for member in members for place in _assigned(member[4])),
        committed,
    )


def reads_any(group: Group, topics: Iterable[str]) -> bool:
    """Whether a group reads, or has read, one of the topics."""
    return not group.topics.isdisjoint(topics)


def _nobody(name: str) -> Group:
    return Group(name, "unknown", frozenset(), frozenset(), {})


def _subscribed(metadata: bytes) -> list[str]:
    """A member's topics; none while it is joining."""
    return list(ConsumerProtocolMemberMetadata.decode(metadata).subscription) if metadata else []


def _assigned(assignment: bytes) -> list[TopicPartition]:
    found: list[TopicPartition] = ConsumerProtocolMemberAssignment.decode(assignment).partitions() if assignment else []
    return found


def _demand(code: Any) -> None:
    if code:
        raise for_code(code)()

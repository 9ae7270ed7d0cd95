"""Which worker gets which partition.

The rule: the unit is an agent's partition, all its topics together, so that a lane has its whole input. Units are spread
evenly, stay where they are while that is even, and the outcome depends on nothing but the members and what they hold.
Faust's own assignor spreads changelogs too, which are no business of the group here.
"""

from collections.abc import Iterable, Mapping

import msgspec
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

from stream_app.streaming.lanes import Lanes, Unit
from stream_app.streaming.settings import WorkerSettings


def spread(units: Iterable[Unit], held: Mapping[str, set[Unit]]) -> dict[str, set[Unit]]:
    """Assign every unit to one member of `held`, which says what each has state of.

    No member has two more than another. Of a unit claimed by several, the first member by name keeps it.
    """
    members = sorted(held)
    free = sorted(units)
    room = len(free) % len(members)
    floor = len(free) // len(members)
    given: dict[str, set[Unit]] = {member: set() for member in members}
    taken: set[Unit] = set()
    for member in members:
        mine = [unit for unit in free if unit in held[member] and unit not in taken]
        keep = mine[: floor + 1] if room else mine[:floor]
        room -= len(keep) > floor
        given[member].update(keep)
        taken.update(keep)
    for unit in free:
        if unit not in taken:
            least = min(members, key=lambda member: (len(given[member]), member))
            given[least].add(unit)
    return given


class _Held(msgspec.Struct):
    """What a member tells the leader about itself."""

    units: list[Unit]


class UnitAssignor(AbstractPartitionAssignor):  # type: ignore[misc]
    """`spread` in aiokafka's terms. One per worker: it tells the leader what this worker's lanes hold."""

    name = "lanes-v1"

    def __init__(self, settings: WorkerSettings, lanes: Lanes) -> None:
        self._settings, self._lanes = settings, lanes

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """See AbstractPartitionAssignor."""
        held = msgspec.json.encode(_Held(units=sorted(self._lanes.units())))
        return ConsumerProtocolMemberMetadata(0, sorted(topics), held)

    def assign(
        self, cluster: object, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """See AbstractPartitionAssignor."""
        agents = {agent.name: agent for agent in self._settings.agents}
        units = [(name, partition) for name in agents for partition in range(self._settings.partitions)]
        held = {member: _held(metadata.user_data) for member, metadata in members.items()}
        result = {}
        for member, mine in spread(units, held).items():
            places: dict[str, list[int]] = {}
            for name, partition in sorted(mine):
                for topic in agents[name].topics:
                    places.setdefault(topic, []).append(partition)
            result[member] = ConsumerProtocolMemberAssignment(0, sorted(places.items()), b"")
        return result

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """See AbstractPartitionAssignor: the lanes hear of it from the rebalance listener."""


def _held(user_data: bytes | None) -> set[Unit]:
    return set(msgspec.json.decode(user_data, type=_Held).units) if user_data else set()

"""The partitions a process has, and how far each is done. Pure."""

from collections.abc import Mapping

from stream_app.connectors.contract import Place
from stream_app.connectors.progress import Progress

Partition = tuple[str, int]


class Ledger:
    """See the module. `epoch` changes with every assignment: records of an earlier one are to be thrown away."""

    def __init__(self) -> None:
        self.epoch = 0
        self._partitions: dict[Partition, Progress] = {}
        self._committed: dict[Partition, tuple[int, str]] = {}

    def renew(self) -> None:
        """Partitions are about to come: what was read until now is read again."""
        self.epoch += 1

    def assign(self, partition: Partition, start: int, metadata: str) -> None:
        """A partition comes, with what is committed of it."""
        self._partitions[partition] = Progress(start, metadata)
        self._committed[partition] = (start, metadata)

    def revoke(self) -> None:
        """All partitions go."""
        self.epoch += 1
        self._partitions.clear()
        self._committed.clear()

    def has(self, partition: Partition) -> bool:
        """Whether the partition is this process's."""
        return partition in self._partitions

    def begin(self, place: Place) -> bool:
        """A record is read; False where it was done before, or its partition is another process's now."""
        progress = self._partitions.get((place.topic, place.partition))
        return progress is not None and progress.begin(place.offset)

    def reach(self, positions: Mapping[Partition, int]) -> bool:
        """How far partitions are read, all of whose records before that are begun; whether anything is new to commit."""
        for partition, position in positions.items():
            if partition in self._partitions:
                self._partitions[partition].reach(position)
        return bool(self.commits())

    def finish(self, place: Place) -> None:
        """A record is done."""
        progress = self._partitions.get((place.topic, place.partition))
        if progress is not None:
            progress.finish(place.offset)

    def commits(self) -> dict[Partition, tuple[int, str]]:
        """What is to be committed and has changed: offset and metadata by partition."""
        found = {partition: progress.commit() for partition, progress in self._partitions.items()}
        return {partition: one for partition, one in found.items() if self._committed.get(partition) != one}

    def committed(self, commits: dict[Partition, tuple[int, str]]) -> None:
        """That was committed."""
        self._committed.update({partition: one for partition, one in commits.items() if partition in self._partitions})

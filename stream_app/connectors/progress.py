"""Which records of a partition are done: what may be committed, and what of the rest is done already. Pure.

The rule: an offset is committed only when all before it are done. What lies behind the committed offset and is done is
told in the commit's metadata (as Confluent's Parallel Consumer does), so that one record that waits for days does not
make a restart send again all that went past it. Kafka bounds metadata at 4,096 bytes: what does not fit is sent again.
"""

_VERSION = "1:"
_MOST_BYTES = 4_000
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Progress:
    """One partition's. Offsets come in order, with gaps where others' transaction markers lie."""

    def __init__(self, start: int, metadata: str = "") -> None:
        """`start` and `metadata` as they were committed."""
        self._known_to, self._known_open = _parse(metadata, start)
        self._next = start  # the offset behind the last record that was begun
        self._open: dict[int, None] = {}  # begun and not done, in order

    def begin(self, offset: int) -> bool:
        """A record is read; False where it was done before a restart."""
        self._next = max(self._next, offset + 1)
        if offset < self._known_to and offset not in self._known_open:
            return False
        self._open[offset] = None
        return True

    def reach(self, position: int) -> None:
        """Everything before a position is read: behind the last record may lie transactions' markers."""
        self._next = max(self._next, position)

    def finish(self, offset: int) -> None:
        """A record is done."""
        self._open.pop(offset, None)

    @property
    def open(self) -> int:
        """How many records are begun and not done."""
        return len(self._open)

    def commit(self) -> tuple[int, str]:
        """The offset to commit, and its metadata."""
        first = next(iter(self._open), self._next)
        return first, self._metadata(first)

    def _metadata(self, first: int) -> str:
        # Not read again yet, and done before the restart: still true.
        left = [offset for offset in self._known_open if offset >= self._next]
        upto = max(self._next, self._known_to)
        if not self._open and upto == first:
            return ""
        parts: list[str] = []
        size, last = len(_VERSION) + 14, first
        for offset in [*self._open, *sorted(left)]:
            part = _base36(offset - last)
            if size + len(part) + 1 > _MOST_BYTES:
                upto = offset
                break
            parts.append(part)
            size += len(part) + 1
            last = offset
        return f"{_VERSION}{_base36(upto - first)}:{','.join(parts)}"


def _parse(metadata: str, start: int) -> tuple[int, frozenset[int]]:
    if not metadata.startswith(_VERSION):
        return start, frozenset()  # another program's, or none: nothing is known
    try:
        length, _, parts = metadata.removeprefix(_VERSION).partition(":")
        found, last = [], start
        for part in parts.split(",") if parts else ():
            last += int(part, 36)
            found.append(last)
        return start + int(length, 36), frozenset(found)
    except ValueError:
        return start, frozenset()


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
        if number == 0:
            return digits

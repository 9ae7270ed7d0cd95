"""A history of events: a file, and where each event lies in it, cut into parts that have nothing to do with each other.

The rule: whoever can change what becomes of whom is in the same part. Leads are joined by the keys of their events and
by the accounts that they name or whose e-mail domain they have; parts can then be replayed in any process, each by
itself, with the same result as all of them in one. Of an event some 30 bytes are kept, whatever its size.
"""

import heapq
from array import array
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from stream_app.engine.derived import email_domain, is_free_mail
from stream_app.engine.times import parse_time
from stream_app.history.progress import Progress
from stream_app.ingest.ndjson import LONGEST_LINE, FileError

AT_LEAST = 20_000  # events of a part: fewer are not worth a message
_EVERY = 20_000


class Keys(msgspec.Struct, gc=False):
    """What of an event says whom it concerns, and when."""

    time: str = ""
    user_id: str | None = None
    email: str | None = None
    anonymous_id: str | None = None
    account_id: str | None = None


_decode = msgspec.json.Decoder(Keys).decode


class Past:
    """Events of a file in the order in which they are taken. `until` is the latest time, not after `now`."""

    def __init__(self, path: str, now: int) -> None:
        self.path = path
        self.until = 0
        self.unreadable = 0
        self._now = now
        self._offsets = array("Q")
        self._lengths = array("I")
        self._orders = array("q")
        self._nodes = array("I")
        self._joins = _Joins()

    def __len__(self) -> int:
        return len(self._offsets)

    def add(self, offset: int, length: int, keys: Keys, time: int, order: int) -> None:
        """Take the event at a place of the file. Events of equal `order` stay as they come."""
        self._offsets.append(offset)
        self._lengths.append(length)
        self._orders.append(order)
        self._nodes.append(self._joins.join(_names(keys)))
        if self.until < time <= self._now:
            self.until = time

    def parts(self, jobs: int) -> list[bytes]:
        """The history cut into parts, each as `places` reads it: at least one for each of `jobs`, the largest first."""
        count = max(jobs, min(len(self) // AT_LEAST, 64 * jobs), 1)
        bucket_of = self._joins.buckets(self._nodes, count)
        offsets, lengths = [array("Q") for _ in range(count)], [array("I") for _ in range(count)]
        for index in sorted(range(len(self)), key=self._orders.__getitem__):
            bucket = bucket_of[self._nodes[index]]
            offsets[bucket].append(self._offsets[index])
            lengths[bucket].append(self._lengths[index])
        filled = [pair for pair in zip(offsets, lengths, strict=True) if pair[0]]
        filled.sort(key=lambda pair: -len(pair[0]))
        return [msgspec.msgpack.encode((some.tobytes(), other.tobytes())) for some, other in filled]


def places(part: bytes) -> Iterator[tuple[int, int]]:
    """Offset and length of each event of a part."""
    some, other = msgspec.msgpack.decode(part, type=tuple[bytes, bytes])
    offsets, lengths = array("Q", some), array("I", other)
    return zip(offsets, lengths, strict=True)


def past_of(file: BinaryIO, path: str, size: int, now: int, *, by_time: bool, progress: Progress) -> Past:
    """The history that an NDJSON file holds, in file order or by the events' times; `size` is the file's, in bytes.

    `now` is the present: what claims to be later counts for nothing. Lines that are no events are counted and passed
    over. Raises `FileError` for what is no NDJSON file.
    """
    past, offset, number = Past(path, now), 0, 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise FileError(f"{path}: line {number} is longer than {LONGEST_LINE} bytes: this is no NDJSON file")
        if line.strip():
            _add_line(past, offset, line, by_time)
        offset += len(line)
        if number % _EVERY == 0:
            progress("reading", offset, max(size, offset))
    progress("reading", offset, max(offset, 1))
    return past


def _add_line(past: Past, offset: int, line: bytes, by_time: bool) -> None:
    try:
        keys = _decode(line)
        time = parse_time(keys.time)
    except (msgspec.DecodeError, ValueError, RecursionError):
        past.unreadable += 1
        return
    past.add(offset, len(line), keys, time, time if by_time else 0)


def _names(keys: Keys) -> list[str]:
    """Everybody whom an event concerns."""
    names = []
    if keys.user_id is not None:
        names.append("u" + keys.user_id)
    if keys.anonymous_id is not None:
        names.append("n" + keys.anonymous_id)
    if keys.account_id is not None:
        names.append("a" + keys.account_id)
    if keys.email is not None:
        email = keys.email.strip().lower()
        names.append("e" + email)
        domain = email_domain(email)
        if domain is not None and not is_free_mail(domain):
            names.append("a" + domain)
    return names


class _Joins:
    """Disjoint sets of names (union by halved paths)."""

    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        self._parents = array("I")

    def join(self, names: Iterable[str]) -> int:
        """Make the names one set; a node of it."""
        first = -1
        for name in names:
            node = self._number.get(name)
            if node is None:
                node = self._number[name] = len(self._parents)
                self._parents.append(node)
            if first < 0:
                first = node
            else:
                one, other = self._root(first), self._root(node)
                if one != other:
                    self._parents[max(one, other)] = min(one, other)
        return self.join(("",)) if first < 0 else first

    def buckets(self, nodes: "array[int]", count: int) -> dict[int, int]:
        """For each of `nodes` one of `count` buckets: sets stay together, and the buckets are about equally full."""
        sizes: dict[int, int] = {}
        for node in nodes:
            root = self._root(node)
            sizes[root] = sizes.get(root, 0) + 1
        loads = [(0, bucket) for bucket in range(count)]
        chosen: dict[int, int] = {}
        for root, size in sorted(sizes.items(), key=lambda item: -item[1]):
            load, bucket = loads[0]
            heapq.heapreplace(loads, (load + size, bucket))
            chosen[root] = bucket
        return {node: chosen[self._root(node)] for node in set(nodes)}

    def _root(self, node: int) -> int:
        parents = self._parents
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

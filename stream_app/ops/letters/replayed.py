"""Which dead letters have been sent again: a record a letter in the topic `dead-letter-replays`, in the transaction that
sent it (docs/decisions/0018-dead-letter-replay.md).

A bit a letter is all that is kept here. A record tells when its letter arrived, so that one of an earlier topic of the
same name (deleted, made anew) says nothing of the letters that now have its offsets.
"""

from collections.abc import Mapping

import msgspec

from stream_app.ops.letters.letter import Letter, Place
from stream_app.ops.letters.reading import Reader
from stream_app.streaming.processor import Output
from stream_app.topics import Manifest


class _Marker(msgspec.Struct, frozen=True):
    partition: int
    offset: int
    arrived: int
    to: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Marker).decode


def marker(topic: str, letter: Letter, to: str) -> Output:
    """The record that a letter has been sent again, `to` a topic."""
    value = _Marker(letter.place.partition, letter.place.offset, letter.arrived, to)
    return Output(topic, str(letter.place).encode(), _encode(value), partition=0)


class Replayed:
    """The places whose letters have been sent again, within the offsets that a topic still has."""

    def __init__(self, spans: Mapping[int, tuple[int, int]]) -> None:
        self._begins = {partition: begin for partition, (begin, _) in spans.items()}
        self._bits = {partition: bytearray((end - begin + 7) // 8) for partition, (begin, end) in spans.items()}

    def __contains__(self, place: Place) -> bool:
        index = place.offset - self._begins.get(place.partition, 0)
        bits = self._bits.get(place.partition, b"")
        return 0 <= index < 8 * len(bits) and bool(bits[index >> 3] & 1 << (index & 7))

    def add(self, place: Place) -> None:
        """Note a place; one outside the topic's offsets is passed over."""
        index = place.offset - self._begins.get(place.partition, 0)
        bits = self._bits.get(place.partition, bytearray())
        if 0 <= index < 8 * len(bits):
            bits[index >> 3] |= 1 << (index & 7)


async def read_replayed(reader: Reader, manifest: Manifest, spans: Mapping[int, tuple[int, int]]) -> Replayed:
    """What has been sent again of the letters in `spans` of the dead-letters topic. Nothing, where no such topic is."""
    found, topic = Replayed(spans), manifest["dead-letter-replays"].name
    if topic not in reader.counts:
        return found
    markers = await reader.spans(topic)
    if all(begin == end for begin, end in markers.values()):
        return found
    first = await _first_arrivals(reader, manifest["dead-letters"].name, spans)
    async for records in reader.records(topic, markers, "replays"):
        for record in records:
            try:
                told = _decode(record.value or b"")
            except msgspec.DecodeError:
                continue  # no record of ours
            if told.arrived >= first.get(told.partition, 0):
                found.add(Place(told.partition, told.offset))
    return found


async def _first_arrivals(reader: Reader, topic: str, spans: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    """When the first letter of each partition arrived (ms): those of the topic's earlier life came before."""
    first: dict[int, int] = {}
    for partition, (begin, end) in (await reader.spans(topic)).items():
        if partition in spans and begin < end:
            async for records in reader.records(topic, {partition: (begin, end)}, "replays"):
                first[partition] = records[0].timestamp
                break
    return first

"""Server-sent events of transitions, as they come.

The rule: they are read from Kafka itself, and an event's id is where each partition is read on. So a client that comes back
with `Last-Event-ID`, to whichever server, misses nothing and hears nothing twice, whatever became of the projection.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from stream_app.broker import RefusedError
from stream_app.ops.topics_admin import TopicsError, partition_counts
from stream_app.serving.api.asked import Asked
from stream_app.serving.api.cursors import offsets_text, read_offsets
from stream_app.serving.api.problems import Problem, bad_parameter, unavailable
from stream_app.serving.api.service import Endpoint, Service, Settings
from stream_app.serving.projection.feed import new_consumer

_BEAT_S = 15.0
_SUBJECTS = ("lead", "account")


async def stream(service: Service, asked: Asked) -> StreamingResponse:
    """Transitions and erasures from now on, or from `Last-Event-ID` on."""
    subject, ladder = asked.text("subject"), asked.text("ladder")
    if subject is not None and subject not in _SUBJECTS:
        raise bad_parameter("subject", "expected lead or account")
    settings = service.settings
    if settings.bootstrap is None:
        raise unavailable("this server was started without a broker", 60)
    if service.streams >= settings.streams:
        raise Problem(429, "too-many-streams", "Too many streams", "try again later", {"Retry-After": "30"})
    service.streams += 1
    consumer = None
    try:
        consumer, places, offsets = await _opened(settings, asked.request.headers.get("last-event-id"))
        events = _events(consumer, places, offsets, subject, ladder)
        return _Stream(service, consumer, events)
    except (KafkaError, TopicsError, RefusedError):
        await _close(service, consumer)
        raise unavailable("Kafka does not answer", 5) from None
    except BaseException:
        await _close(service, consumer)
        raise


class _Stream(StreamingResponse):
    """Gives its consumer back however it ends."""

    def __init__(self, service: Service, consumer: AIOKafkaConsumer, events: AsyncIterator[bytes]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._service, self._consumer = service, consumer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.shield(_close(self._service, self._consumer))


STREAM = Endpoint("/transitions/stream", "transitions:read", ("subject", "ladder"), stream)


async def _opened(
    settings: Settings, last: str | None
) -> tuple[AIOKafkaConsumer, list[TopicPartition], dict[TopicPartition, int]]:
    """A consumer of all partitions, and where each is read on."""
    topic = settings.manifest["transitions"].name
    count = (await partition_counts(settings.bootstrap or "", settings.manifest)).get(topic, 0)
    if not count:
        raise unavailable("there are no transitions on this broker", 60)
    places = [TopicPartition(topic, number) for number in range(count)]
    consumer = new_consumer(settings.bootstrap or "")
    await consumer.start()
    try:
        consumer.assign(places)
        ends, begins = await consumer.end_offsets(places), await consumer.beginning_offsets(places)
        wanted = [ends[place] for place in places]
        if last is not None:
            wanted = read_offsets(last, wanted)
        offsets = {place: max(offset, begins[place]) for place, offset in zip(places, wanted, strict=True)}
        for place, offset in offsets.items():
            consumer.seek(place, offset)
        return consumer, places, offsets
    except BaseException:
        await consumer.stop()
        raise


async def _events(
    consumer: AIOKafkaConsumer,
    places: list[TopicPartition],
    offsets: dict[TopicPartition, int],
    subject: str | None,
    ladder: str | None,
) -> AsyncIterator[bytes]:
    def told(kind: str, data: bytes) -> bytes:
        ident = offsets_text([offsets[place] for place in places])
        return b"id: %s\nevent: %s\ndata: %s\n\n" % (ident.encode(), kind.encode(), data)

    yield told("open", b"{}")
    quiet = time.monotonic()
    while True:
        for place, records in (await consumer.getmany(timeout_ms=250, max_records=500)).items():
            for record in records:
                offsets[place] = record.offset + 1
                document = _document(record.value)
                if document is not None and _wanted(document, subject, ladder):
                    yield told("erased" if document.get("erased") else "transition", orjson.dumps(document))
                    quiet = time.monotonic()
        if time.monotonic() - quiet > _BEAT_S:
            quiet = time.monotonic()
            yield told("beat", b"{}")


async def _close(service: Service, consumer: AIOKafkaConsumer | None) -> None:
    service.streams -= 1
    if consumer is not None:
        await consumer.stop()


def _document(value: bytes | None) -> dict[str, Any] | None:
    if value is None:
        return None
    found = orjson.loads(value)
    return found if isinstance(found, dict) else None


def _wanted(document: dict[str, Any], subject: str | None, ladder: str | None) -> bool:
    if subject is not None and document.get("subject") != subject:
        return False
    return ladder is None or document.get("erased") is True or document.get("ladder") == ladder

"""Asking a running system to erase a person, and hearing that it has.

The rule: the request is a record of `lead-inbox`, so it waits for workers that are down, and goes through the same
transactions as events; sent twice, it does the same. Who asked hears of it on `transitions`, as everybody does.
"""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from stream_app.broker import client_options
from stream_app.errors import KnownError
from stream_app.ops.topics_admin import TopicsError, partition_counts
from stream_app.publishing.reading import registry_of
from stream_app.serving.reading import open_reader
from stream_app.streaming.transaction import default_partition
from stream_app.topics import Manifest
from stream_app.worker.links import Erase, link_output

Document = dict[str, Any]
QUIET = 5.0
Waiting = Callable[[float], None]
"""Told, now and then, how many seconds the answer has been waited for."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What became of a request. `documents` are the `erased` messages, the lead's own first; none without waiting."""

    request: str
    key: str
    documents: tuple[Document, ...] = ()

    @property
    def known(self) -> bool:
        """Whether there was anything to be erased."""
        return any(document["known"] for document in self.documents)


async def erase(
    bootstrap: str,
    manifest: Manifest,
    key: str,
    at: int,
    *,
    wait: float | None,
    waiting: Waiting = lambda seconds: None,
) -> Erasure:
    """Ask for a lead's erasure by any of its keys, as of `at` (ms), and wait up to `wait` seconds until it is done.

    With `wait` None only ask. Raises `KnownError` where the broker or the topics can't be reached, or nobody answers.
    """
    try:
        partitions = await partition_counts(bootstrap, manifest)
    except TopicsError as error:
        raise KnownError(
            f"{error}: 'stream-app up' starts one here; --bootstrap or KAFKA_BROKER names another"
        ) from None
    inbox, moves = manifest["lead-inbox"].name, manifest["transitions"].name
    for topic in (inbox, moves):
        if topic not in partitions:
            raise KnownError(
                f"there is no topic {topic} on this broker: say 'stream-app topics create', or name the system's --prefix"
            )
    made = Erasure(str(uuid.uuid4()), key)
    try:
        answers = await _listen(bootstrap, moves, partitions[moves]) if wait is not None else None
        try:
            for other in [manifest, *await _beside(bootstrap, manifest)]:
                await _ask(bootstrap, other["lead-inbox"].name, partitions[inbox], made, at)
            if answers is None or wait is None:
                return made
            return Erasure(made.request, key, tuple(await _answered(answers, made.request, wait, waiting)))
        finally:
            if answers is not None:
                await answers.stop()
    except KafkaConnectionError:
        raise KnownError(f"Kafka no longer answers at {bootstrap}") from None
    except KafkaError as error:
        raise KnownError(f"Kafka at {bootstrap} refuses: {error}") from error


async def _beside(bootstrap: str, manifest: Manifest) -> list[Manifest]:
    """The topics of generations that are built beside the live one: who is erased must not come back with them."""
    async with open_reader(bootstrap, manifest) as reader:
        registry = await registry_of(reader)
    return [manifest.beside(one.number) for one in registry.generations if one.active]


async def _ask(bootstrap: str, inbox: str, partitions: int, made: Erasure, at: int) -> None:
    output = link_output(inbox, made.key, Erase(made.request, at, None), at)
    producer = AIOKafkaProducer(**client_options(bootstrap), enable_idempotence=True)
    try:  # `async with` would leave one open that could not start
        await producer.start()
        await producer.send_and_wait(
            inbox,
            output.value,
            output.key,
            partition=default_partition(made.key.encode(), partitions),
            timestamp_ms=at,
            headers=list(output.headers),
        )
    finally:
        await producer.stop()


async def _listen(bootstrap: str, topic: str, partitions: int) -> AIOKafkaConsumer:
    """A consumer at the present end of `transitions`."""
    consumer = AIOKafkaConsumer(**client_options(bootstrap), isolation_level="read_committed", enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(places)
        for place, end in (await consumer.end_offsets(places)).items():
            consumer.seek(place, end)
        return consumer
    except BaseException:
        await consumer.stop()
        raise


async def _answered(consumer: AIOKafkaConsumer, request: str, wait: float, waiting: Waiting) -> list[Document]:
    """The `erased` messages of a request: the lead's own, and those of the aliases that it told.

    An alias that belongs to another lead by now does not answer: it is waited for, for `QUIET` seconds.
    """
    loop = asyncio.get_running_loop()
    began = heard = loop.time()
    found: list[Document] = []
    while not found or (_missing(found) and loop.time() - heard < QUIET):
        seconds = loop.time() - began
        if seconds > wait:
            what = "some of its keys are not erased yet" if found else "nothing was erased yet"
            raise KnownError(
                f"{what} after {wait:g} s: is a worker running, and caught up? The request {request} stands and will be met"
            )
        waiting(seconds)
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for record in records:
                if request.encode() in (record.value or b""):
                    found.append(orjson.loads(record.value))
                    heard = loop.time()
    return sorted(found, key=lambda document: document["alias_of"] is not None)


def _missing(found: list[Document]) -> set[str]:
    """The keys that were told and have not answered."""
    return {key for document in found for key in document["aliases"]} - {document["lead"] for document in found}

"""Records that belong together, sent once: what commands use of Kafka's transactions.

The rule: whoever starts under a name fences whoever had it and ends what he left open; only then may he read what has
been done. So of two that run at the same time one goes on, and what a killed one had not committed was never sent.
"""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, KafkaConnectionError, KafkaError, ProducerFenced

from stream_app.broker import client_options
from stream_app.errors import KnownError
from stream_app.streaming.processor import Output

_LARGEST_REQUEST = 9 * 1024 * 1024
_TIMEOUT_MS = 10_000


class SendingError(KnownError):
    """Kafka did not take a transaction, or another process has taken over."""


class OnceSender:
    """Sends lists of records, each list in one transaction. An async context manager.

    `name` is the transactional id, `fenced` what a person is told where another has started under it since.
    """

    def __init__(self, bootstrap: str, name: str, fenced: str) -> None:
        self._bootstrap, self._fenced = bootstrap, fenced
        self._producer = AIOKafkaProducer(
            **client_options(bootstrap),
            transactional_id=name,
            transaction_timeout_ms=_TIMEOUT_MS,
            request_timeout_ms=_TIMEOUT_MS,
            max_request_size=_LARGEST_REQUEST,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._producer.start()
        except KafkaError as error:
            await self._producer.stop()
            if isinstance(error, KafkaConnectionError):
                raise SendingError(f"Kafka does not answer at {self._bootstrap}") from None
            raise SendingError(f"Kafka at {self._bootstrap} refuses: {error!r}") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()

    async def send(self, outputs: Sequence[Output]) -> None:
        """Send records, all or none. Raises `SendingError`; the sender is of no use then."""
        if not outputs:
            return
        sent: list[asyncio.Future[Any]] = []
        try:
            async with self._producer.transaction():  # aborts where it is left early: nobody need wait for the time-out
                for topic, key, value, headers, timestamp, partition in outputs:
                    sent.append(
                        await self._producer.send(
                            topic, value, key, partition, timestamp_ms=timestamp, headers=list(headers) or None
                        )
                    )
                await asyncio.gather(*sent)
        except (ProducerFenced, IllegalOperation):  # the latter where it was found out in the background
            raise SendingError(self._fenced) from None
        except KafkaError as error:
            raise SendingError(f"Kafka did not take the records: {error!r}; run it again, it goes on") from error
        finally:
            await asyncio.gather(*sent, return_exceptions=True)

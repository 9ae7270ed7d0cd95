"""The toy worker with the transaction taken out: what it would send in one is sent record by record.

For showing that the chaos check can fail. How far it came is committed under `<group>-shadow`, for the check to see.
"""

from typing import Any, ClassVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from stream_app.streaming import transaction
from tests.lanes.worker_main import main


class Plain(AIOKafkaProducer):  # type: ignore[misc]
    """A producer without a transactional id."""

    shadow: ClassVar[AIOKafkaConsumer | None] = None

    def __init__(self, **options: Any) -> None:
        options.pop("transactional_id")
        options.pop("transaction_timeout_ms")
        self.broker = options["bootstrap_servers"]
        super().__init__(**options)

    async def begin_transaction(self) -> None:
        """Nothing begins."""

    async def send_offsets_to_transaction(self, offsets: Any, group: str) -> None:
        """Bound to nothing."""
        if Plain.shadow is None:
            Plain.shadow = AIOKafkaConsumer(
                bootstrap_servers=self.broker, group_id=f"{group}-shadow", enable_auto_commit=False
            )
            await Plain.shadow.start()
        Plain.shadow.assign(list(Plain.shadow.assignment() | set(offsets)))
        await Plain.shadow.commit(offsets)

    async def commit_transaction(self) -> None:
        """Nothing is committed."""


if __name__ == "__main__":
    vars(transaction)["AIOKafkaProducer"] = Plain
    main()

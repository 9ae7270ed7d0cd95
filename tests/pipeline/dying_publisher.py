"""A publisher that is killed when all of a version is written and nothing committed: `python -m tests.pipeline.dying_publisher JSON`."""

import asyncio
import json
import os
import signal
import sys
from typing import Any, NoReturn

from aiokafka import AIOKafkaProducer

from stream_app.modelfiles import read_model
from stream_app.publishing.publisher import Terms, open_publisher
from stream_app.streaming import once
from stream_app.topics import load_manifest


class Dying(AIOKafkaProducer):  # type: ignore[misc]
    """It never commits."""

    async def commit_transaction(self) -> NoReturn:
        """Write everything out, and die."""
        await self.flush()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("killed")


async def main() -> None:
    """Publish a model, all but the commit."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    vars(once)["AIOKafkaProducer"] = Dying
    async with open_publisher(given["broker"], load_manifest(given["prefix"], given["partitions"])) as one:
        await one.publish(read_model(given["model"]), Terms(by="nobody", at=given["at"]))


if __name__ == "__main__":
    asyncio.run(main())

"""A worker process with the counting processor: `python -m tests.lanes.worker_main JSON`."""

import json
import logging
import sys
from pathlib import Path
from typing import Any

from stream_app.streaming.processor import StateReader
from stream_app.streaming.settings import AgentSettings, Limits, Pacing, SettingsError, WorkerSettings
from stream_app.streaming.worker import run_worker
from tests.lanes.counting import Counting, CountingProcessor


def settings_from(given: dict[str, Any]) -> WorkerSettings:
    """Settings as JSON has them."""
    return WorkerSettings(
        broker=given["broker"],
        app=given["app"],
        partitions=given["partitions"],
        agents=[AgentSettings(**agent) for agent in given["agents"]],
        data_dir=Path(given["data_dir"]),
        clock=given.get("clock", "stopped"),
        store=given.get("store", "memory"),
        instance=given.get("instance"),
        limits=Limits(**given.get("limits", {})),
        pacing=Pacing(**given.get("pacing", {})),
    )


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    given = json.loads(sys.argv[1])
    counting = Counting(**given["counting"])

    def factory(agent: str, partition: int, state: StateReader) -> CountingProcessor:
        return CountingProcessor(counting, partition, state)

    try:
        run_worker(settings_from(given), factory, ready=lambda: print("READY", flush=True))
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()

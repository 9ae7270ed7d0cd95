"""Worker processes to start, stop, freeze and kill; every one has an end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]


class WorkerProcess:
    """One worker in a process group of its own, its output in a file. A context manager that leaves nothing running."""

    def __init__(
        self, directory: Path, name: str, settings: dict[str, Any], module: str = "tests.lanes.worker_main"
    ) -> None:
        self.log = directory / f"{name}.log"
        self.settings, self.module = settings, module
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it (again)."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module, json.dumps(self.settings)],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def send(self, number: signal.Signals) -> None:
        """Signal it."""
        assert self.process is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End it and what it started, now."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(10)

    def stop(self, within: float = 10.0) -> int:
        """SIGTERM; its exit code."""
        self.send(signal.SIGTERM)
        return self.wait(within)

    def wait(self, within: float) -> int:
        """Its exit code, once it has ended."""
        assert self.process is not None
        return self.process.wait(within)

    @property
    def running(self) -> bool:
        """Whether it is there."""
        return self.process is not None and self.process.poll() is None

    def said(self) -> str:
        """What it wrote."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def assigned(self) -> set[str]:
        """The lanes it was given last."""
        lines = [line for line in self.said().splitlines() if " assigned: " in line]
        return set(lines[-1].rsplit(" assigned: ")[1].split(", ")) if lines else set()

    async def ready(self, times: int = 1, within: float = 30.0) -> None:
        """Return when it has said READY as many times."""

        async def is_ready() -> bool:
            assert self.running, self.said()[-3000:]
            return self.said().count("READY") >= times

        await until(is_ready, within, lambda: self.said()[-3000:])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


async def until(holds: Callable[[], Awaitable[bool]], within: float, what: Callable[[], str] = str) -> None:
    """Return when a condition holds; AssertionError when it does not in time."""
    deadline = time.monotonic() + within
    while not await holds():
        assert time.monotonic() < deadline, f"not within {within} s: {what()}"
        await asyncio.sleep(0.05)

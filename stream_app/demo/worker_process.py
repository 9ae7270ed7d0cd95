"""The demo's worker: `stream-app worker` as a child that ends with this process, however that ends."""

import asyncio
import sys
from pathlib import Path

from stream_app.errors import KnownError
from stream_app.local.process import KeptProcess

_READY = b"ready"
_READY_WITHIN_S = 90.0
_POLL_S = 0.05
_COMMAND = [sys.executable, "-P", "-c", "from stream_app.cli import main; main()", "worker"]


class WorkerEnded(KnownError):
    """The worker ended by itself; the message quotes its last words and names its log."""


class WorkerProcess:
    """Started when made. Time passes with the events, so that a history can be played at any pace."""

    def __init__(self, folder: Path, *, bootstrap: str, prefix: str, group: str, model: str) -> None:
        self.log = folder / "worker.log"
        options = {"--bootstrap": bootstrap, "--prefix": prefix, "--group": group, "--model": model}
        options |= {
            "--clock": "event",
            "--store": "memory",
            "--data-dir": str(folder / "worker"),
            "--log-level": "info",
        }
        words = [word for option in options.items() for word in option]
        self._process = KeptProcess([*_COMMAND, *words], self.log, Path.cwd())

    async def ready(self) -> None:
        """Return once it reads. Raises `WorkerEnded`."""
        deadline = asyncio.get_running_loop().time() + _READY_WITHIN_S
        while _READY not in self.log.read_bytes().splitlines():
            self._demand_running()
            if asyncio.get_running_loop().time() > deadline:
                raise WorkerEnded(f"the worker was not ready within {_READY_WITHIN_S:.0f} s: see {self.log}")
            await asyncio.sleep(_POLL_S)

    async def watch(self) -> None:
        """Raise `WorkerEnded` when it ends; never return."""
        while True:
            self._demand_running()
            await asyncio.sleep(0.2)

    def kill(self) -> None:
        """End it at once: what it knows is of no use to anybody after the demo."""
        self._process.kill()

    def _demand_running(self) -> None:
        if not self._process.running:
            lines = self.log.read_text(errors="replace").strip().splitlines()
            raise WorkerEnded(f"the worker ended: {lines[-1][:300] if lines else 'without a word'} (see {self.log})")

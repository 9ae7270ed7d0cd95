"""A contender's process: started in a session of its own, measured through /proc (Linux), and gone at the end, come what may."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_STOP_S = 20.0
_PR_SET_PDEATHSIG = 1
_TICKS = os.sysconf("SC_CLK_TCK")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Measured:
    """A running command and everything it started. A context manager that leaves nothing running."""

    def __init__(self, command: Sequence[str | Path], log: Path, env: Mapping[str, str], cwd: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                list(map(str, command)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **env},
                cwd=cwd,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - this program has one thread
            )
        self._cpu_at_end: float | None = None
        self._ended = False

    def running(self) -> bool:
        """Whether it has not ended."""
        self._reap(os.WNOHANG)
        return not self._ended

    def cpu(self) -> float:
        """User and system time so far, seconds, of all its processes; all there was, once it has ended."""
        if self._cpu_at_end is not None:
            return self._cpu_at_end
        return sum(cpu_of(pid) for pid in self._pids())

    def peak_bytes(self) -> int:
        """The greatest resident memory so far (VmHWM), of all its processes."""
        return sum(_peak_of(pid) for pid in self._pids())

    def stop(self) -> bool:
        """SIGTERM, and SIGKILL when it is too late; whether it ended by itself."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        while self.running() and time.monotonic() < deadline:
            time.sleep(0.05)
        by_itself = not self.running()
        self.kill()
        return by_itself

    def kill(self) -> None:
        """End it and all it started, now."""
        if self._ended:
            return
        with suppress(ProcessLookupError):  # it ended in between: reaped below
            os.killpg(self._process.pid, signal.SIGKILL)
        self._reap(0)

    def said(self, most: int = 300) -> str:
        """The end of what it wrote, as one line."""
        return " ".join(self.log.read_text(errors="replace")[-most:].split()) or "it said nothing"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    def _signal(self, number: signal.Signals) -> None:
        if self.running():
            os.kill(self._process.pid, number)

    def _reap(self, options: int) -> None:
        if self._ended:
            return
        pid, status, usage = os.wait4(self._process.pid, options)
        if pid:
            self._ended = True
            self._cpu_at_end = usage.ru_utime + usage.ru_stime
            self._process.returncode = os.waitstatus_to_exitcode(status)  # Popen need not wait for it any more

    def _pids(self) -> list[int]:
        return [pid for pid in all_pids() if _session_of(pid) == self._process.pid]


def all_pids() -> list[int]:
    """Every process there is."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _stat(pid: int) -> list[str]:
    """The fields of proc(5)'s stat from the third on; none where the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _session_of(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[3]) if fields else -1


def cpu_of(pid: int) -> float:
    """User and system time of one process, seconds."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def _peak_of(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def say(line: str) -> None:
    """Progress, for the person who waits."""
    print(line, file=sys.stderr, flush=True)

"""Processes that never outlive their owner unless they are let go, and that are signalled only while they are themselves."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stream_app.local.errors import LocalServiceError

_KEEPER = Path(__file__).with_name("keeper.py")
_POLL_S = 0.03


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process, told apart from a later one that got the same process id.

    `started` is opaque: boot id and start tick on Linux, the start time that `ps` prints elsewhere.
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity | None":
        """The process that has this id now; None where there is none, or only its remains (a zombie)."""
        started = _started(pid)
        return None if started is None else cls(pid, started)

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return _started(self.pid) == self.started

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to this process and no other; whether it was there to take it."""
        if not hasattr(os, "pidfd_open"):
            if self.alive():
                os.kill(self.pid, number)
                return True
            return False
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            # Checked after the open: from here on the descriptor stands for that process, whatever becomes of the id.
            if not self.alive():
                return False
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True


def _started(pid: int) -> str | None:
    if sys.platform != "linux":
        done = subprocess.run(
            ["ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        state, _, started = done.stdout.strip().partition(" ")
        return started.strip() if started and not state.startswith("Z") else None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything: proc(5), fields 3 and 22
    if fields[0] in "ZX":
        return None
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}:{fields[19]}"


class KeptProcess:
    """A command under a keeper (`keeper.py`): it ends with this process, however that ends, until `detach`."""

    def __init__(self, command: Sequence[str | Path], log: Path, cwd: Path) -> None:
        """Start the command; what it prints is appended to `log`."""
        self.detached = False
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_KEEPER), *map(str, command)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                cwd=cwd,
                start_new_session=True,  # ctrl-C in the terminal is for the owner alone
            )
        assert self._process.stdout is not None
        with self._process.stdout as told:
            first = told.readline()
        identity = ProcessIdentity.of(self._process.pid)
        if not first.strip().isdigit() or identity is None:
            self.kill()
            raise LocalServiceError(f"{command[0]} could not be started: see {log}")
        self.pid = int(first)
        """The process id of the command itself."""
        self.identity = identity
        """The keeper's identity: the process to signal from elsewhere."""

    @property
    def running(self) -> bool:
        """Whether the command still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the command in order, by force after the keeper's grace period, and wait until it is gone."""
        if self.detached:
            return
        if self.running:
            self._process.terminate()
        self._wait()

    def kill(self) -> None:
        """End the command at once, as a crash would, and wait until it is gone."""
        if self.running:
            self._process.send_signal(signal.SIGUSR1)
        self._wait()

    def wait(self, timeout_s: float | None = None) -> int | None:
        """The exit code of a command that ends by itself; None if it still runs after that many seconds."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        self._wait()
        return self._process.returncode

    def detach(self) -> None:
        """Let the command live on when this process ends; from here on this object does not end it either."""
        assert self._process.stdin is not None
        self.detached = True
        self._process.stdin.write(b"d")
        self._process.stdin.close()

    def _wait(self) -> None:
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def end_process(identity: ProcessIdentity, timeout_s: float) -> bool:
    """End a kept process of another owner through its keeper: in order, then by force; whether it was running."""
    if not identity.signal(signal.SIGTERM):
        return False
    if not wait_until(lambda: not identity.alive(), timeout_s):
        identity.signal(signal.SIGUSR1)
        if not wait_until(lambda: not identity.alive(), 10.0):
            raise LocalServiceError(f"process {identity.pid} does not end")
    return True


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Poll until the condition holds; whether it did within the time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


def free_port() -> int:
    """A loopback TCP port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

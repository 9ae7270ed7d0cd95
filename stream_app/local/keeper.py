"""Runs one command and makes sure that it ends: a program of its own, started by `process.KeptProcess`.

Usage: python keeper.py COMMAND [ARGUMENT...], with a pipe to the owner as stdin.

- The command's process id goes to stdout as one line; the command's own output goes to the keeper's stderr.
- End of file on stdin says that the owner is gone: the command is ended. The byte `d` on stdin says to stay without it.
- SIGTERM ends the command (SIGTERM, then SIGKILL after a grace period), SIGUSR1 kills it at once.
- Should the keeper itself be killed, the kernel kills the command (Linux: PR_SET_PDEATHSIG). That signal belongs to the
  thread that forked, which is why a program with a single thread does it, and not the owner.

Only the standard library, and little of it: it must start fast and stay small.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time

GRACE_S = 20.0
_PR_SET_PDEATHSIG = 1


def _die_with(parent: int) -> None:
    """Ask the kernel to kill this process with its parent (between fork and exec)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        os._exit(1)


def _take(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 64)
    except BlockingIOError:
        return b""


def keep(command: list[str]) -> int:
    """Run the command until it ends by itself or is told to; its exit code, as a shell would give it."""
    signals_in, signals_out = os.pipe()
    for end in (signals_in, signals_out):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(signals_out, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    keeper = os.getpid()
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=2,
        stderr=2,
        preexec_fn=lambda: _die_with(keeper),  # noqa: PLW1509 - there is one thread here, which is what the keeper is for
        restore_signals=True,
    )
    os.write(1, f"{child.pid}\n".encode())
    os.close(1)
    watched = [0, signals_in]
    deadline = None
    while child.poll() is None:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready = select.select(watched, [], [], left)[0]
        numbers = _take(signals_in) if signals_in in ready else b""
        end = signal.SIGTERM in numbers
        if 0 in ready:
            watched.remove(0)
            end = end or os.read(0, 1) != b"d"
        if end and deadline is None:
            child.terminate()
            deadline = time.monotonic() + GRACE_S
        if signal.SIGUSR1 in numbers or (deadline is not None and time.monotonic() >= deadline):
            child.kill()
    code = child.returncode
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1:]))

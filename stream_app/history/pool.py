"""Work on all cores: parts of a history handed to processes of our own, results as they come.

The rule: nobody is left behind. Whoever waits for the next part ends when the parent's end of its pipe closes, whoever
works at the next word it has to say; an interrupted parent stops its children before it goes on. Messages are bytes.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from stream_app.history.progress import Progress

Said = Callable[[int], None]
"""Told of how many more events are done; to be called often."""

Work = Callable[[bytes, bytes, Said], bytes]
"""Does one part: the setup (the same for all), the part, whom to tell; the result."""

_PATIENCE = 5.0  # seconds that a child has to end


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_parallel(
    work: str, setup: bytes, parts: Sequence[bytes], total: int, jobs: int, progress: Progress
) -> Iterator[bytes]:
    """The results of all parts, in no order. `work` names a `Work` as `module:function`; `total` events are in all.

    With one job or one part the work is done here. Raises `RuntimeError` where a process ends before its work does.
    """
    done = 0

    def said(more: int) -> None:
        nonlocal done
        done += more
        progress("scoring", min(done, total), max(total, 1))

    jobs = min(jobs, len(parts))
    if jobs <= 1:
        run = _function(work)
        yield from (run(setup, part, said) for part in parts)
        return
    team = _Team(work, setup, jobs)
    try:
        yield from team.run(parts, said)
    finally:
        team.end()


class _Team:
    """Children and the pipes to them."""

    def __init__(self, work: str, setup: bytes, jobs: int) -> None:
        context = get_context("spawn")
        self._members: dict[Connection, BaseProcess] = {}
        try:
            for _ in range(jobs):
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs, work, setup), daemon=True)
                self._members[ours] = process
                process.start()
                theirs.close()
        except BaseException:
            self.end()
            raise

    def run(self, parts: Sequence[bytes], said: Said) -> Iterator[bytes]:
        """Hand out the parts, one at a time to whoever is free."""
        waiting = list(reversed(parts))
        busy: set[Connection] = set()
        for member in self._members:
            self._hand_out(member, waiting, busy)
        while busy:
            ready = set(wait(list(busy)))
            for member in [one for one in busy if one in ready]:
                kind, body = self._heard(member)
                if kind == b"+":
                    said(int(body))
                else:
                    busy.discard(member)
                    self._hand_out(member, waiting, busy)
                    yield body

    def _hand_out(self, member: Connection, waiting: list[bytes], busy: set[Connection]) -> None:
        if waiting:
            member.send_bytes(waiting.pop())
            busy.add(member)

    def _heard(self, member: Connection) -> tuple[bytes, bytes]:
        try:
            message = member.recv_bytes()
        except (EOFError, ConnectionResetError):
            process = self._members[member]
            process.join(_PATIENCE)
            raise RuntimeError(f"a process that scored a part ended with {process.exitcode}") from None
        return message[:1], message[1:]

    def end(self) -> None:
        """Stop everybody, and wait for it."""
        for member, process in self._members.items():
            member.close()
            if process.pid is not None:
                process.terminate()
        for process in self._members.values():
            if process.pid is not None:
                process.join(_PATIENCE)
                if process.is_alive():
                    process.kill()
                    process.join()


def _serve(pipe: Connection, work: str, setup: bytes) -> None:
    """A child's life: parts in, results out, until nobody is at the other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is the parent's to handle
    run = _function(work)
    try:
        while True:
            part = pipe.recv_bytes()
            pipe.send_bytes(b"=" + run(setup, part, lambda more: pipe.send_bytes(b"+%d" % more)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _function(name: str) -> Work:
    module, _, function = name.partition(":")
    found: Work = getattr(import_module(module), function)
    return found

"""Kept processes: how they end, and who may signal them."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stream_app.local.errors import LocalServiceError
from stream_app.local.process import KeptProcess, ProcessIdentity, end_process, free_port, port_is_free, wait_until

_SLEEP = ("sleep", "300")
# Ends only by force, and says when it is ready to show that.
_STUBBORN = ("sh", "-c", "trap '' TERM; touch ready; while :; do sleep 1; done")


def identity_of(pid: int) -> ProcessIdentity:
    found = ProcessIdentity.of(pid)
    assert found is not None
    return found


def test_stop_ends_the_command_and_the_keeper(tmp_path: Path) -> None:
    """After `stop` neither the command nor its keeper is left."""
    kept = KeptProcess(_SLEEP, tmp_path / "log", tmp_path)
    command = identity_of(kept.pid)
    kept.stop()
    assert not command.alive()
    assert not kept.identity.alive()


def test_kill_ends_a_command_that_ignores_sigterm(tmp_path: Path) -> None:
    """`kill` asks nobody."""
    kept = KeptProcess(_STUBBORN, tmp_path / "log", tmp_path)
    command = identity_of(kept.pid)
    assert wait_until((tmp_path / "ready").exists, 10)
    kept.kill()
    assert not command.alive()


def test_command_dies_with_a_killed_keeper(tmp_path: Path) -> None:
    """Should the keeper itself be killed, the kernel ends the command."""
    kept = KeptProcess(_SLEEP, tmp_path / "log", tmp_path)
    command = identity_of(kept.pid)
    assert kept.identity.signal(signal.SIGKILL)
    assert wait_until(lambda: not command.alive(), 10)
    kept.stop()


_OWNER = """
import sys
from pathlib import Path
from stream_app.local.process import KeptProcess
folder = Path(sys.argv[1])
kept = KeptProcess(["sleep", "300"], folder / "log", folder)
if sys.argv[2] == "detach":
    kept.detach()
print(kept.pid, kept.identity.pid, flush=True)
sys.stdin.read()
"""


def owned(folder: Path, how: str) -> tuple[subprocess.Popen[str], ProcessIdentity, ProcessIdentity]:
    """A process that owns a kept command: itself, the command, the keeper."""
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(folder), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    command, keeper = map(int, owner.stdout.readline().split())
    return owner, identity_of(command), identity_of(keeper)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_command_ends_with_its_owner(tmp_path: Path, ending: signal.Signals) -> None:
    """However the owner ends, the command and the keeper end too."""
    owner, command, keeper = owned(tmp_path, "tied")
    with owner:
        os.kill(owner.pid, ending)
    assert wait_until(lambda: not command.alive() and not keeper.alive(), 10)


def test_detached_command_outlives_its_owner_and_can_be_ended(tmp_path: Path) -> None:
    """After `detach` the owner's end changes nothing; another process ends the command through its keeper."""
    owner, command, keeper = owned(tmp_path, "detach")
    with owner:
        owner.kill()
    assert not wait_until(lambda: not command.alive(), 0.5)
    assert end_process(keeper, 10)
    assert not command.alive()


def test_recycled_process_id_is_never_signalled() -> None:
    """An identity whose start does not match is somebody else: no signal, and nothing to end."""
    bystander = subprocess.Popen(_SLEEP)
    stale = ProcessIdentity(bystander.pid, "another boot:1")
    assert not stale.alive()
    assert not stale.signal(signal.SIGKILL)
    assert not end_process(stale, 1)
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_remains_of_a_process_do_not_count_as_alive() -> None:
    """A zombie, whose parent has not asked for its exit code, is gone."""
    child = subprocess.Popen(["true"])
    assert wait_until(lambda: ProcessIdentity.of(child.pid) is None, 10)
    child.wait()


def test_command_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """The error says which command, and where its words are."""
    with pytest.raises(LocalServiceError, match="no-such-command could not be started: see"):
        KeptProcess(["/no-such-command"], tmp_path / "log", tmp_path)


def test_exit_code_and_words_of_the_command_are_kept(tmp_path: Path) -> None:
    """`wait` gives the command's own exit code; stdout and stderr are in the log."""
    kept = KeptProcess(["sh", "-c", "echo out; echo err >&2; exit 7"], tmp_path / "log", tmp_path)
    assert kept.wait(10) == 7
    assert (tmp_path / "log").read_text() == "out\nerr\n"


def test_port_that_somebody_listens_on_is_not_free() -> None:
    """Taken while a server listens, free before and after."""
    port = free_port()
    assert port_is_free(port)
    with socket.create_server(("0.0.0.0", port)):
        assert not port_is_free(port)
    assert port_is_free(port)

"""What a data folder remembers of its services: `services.json`, and the lock of those who change it."""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from stream_app.local.errors import LocalServiceError
from stream_app.local.jars import Progress
from stream_app.local.kafka import KafkaServer
from stream_app.local.process import ProcessIdentity
from stream_app.local.valkey import ValkeyServer

_LOCK_TIMEOUT_S = 300.0


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One service: the port it had last (it gets it again if it is free), and its processes while it runs.

    `keeper` is the one to signal, `pid` the server itself. `tied`: another command ends it with itself.
    """

    port: int
    pid: int | None = None
    keeper: ProcessIdentity | None = None
    tied: bool = False

    @classmethod
    def of(cls, server: KafkaServer | ValkeyServer, *, tied: bool = False) -> "Record":
        """The record of a server that this process has started."""
        assert server.process is not None
        return cls(port=server.port, pid=server.process.pid, keeper=server.process.identity, tied=tied)

    def stopped(self) -> "Record":
        """What stays in memory of a service that was ended."""
        return Record(port=self.port)


def read_records(data_dir: Path) -> dict[str, Record]:
    """The services by name; empty for a folder that never had any. Raises LocalServiceError where the file is damaged."""
    path = data_dir / "services.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Record])
    except FileNotFoundError:
        return {}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LocalServiceError(f"{path} is damaged ({error}): end what it started by hand, then remove it") from error


def write_records(data_dir: Path, records: Mapping[str, Record]) -> None:
    """Replace the file, all of it or nothing."""
    draft = data_dir / "services.json.new"
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(records)) + b"\n")
    os.replace(draft, data_dir / "services.json")


@contextmanager
def locked(data_dir: Path, progress: Progress) -> Iterator[None]:
    """Hold the data folder's lock, which is made if need be; the kernel frees it when its holder dies."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    deadline = time.monotonic() + _LOCK_TIMEOUT_S
    with (data_dir / "services.lock").open("w") as file:
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise LocalServiceError(f"another command holds {data_dir / 'services.lock'}") from None
            if not told:
                progress("waiting for another up or down to finish")
                told = True
            time.sleep(0.1)
        yield

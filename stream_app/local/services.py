"""`up`, `down` and `status`: the two services of a machine, started once, found again, ended exactly.

A data folder is one instance: `services.json` in it remembers ports and processes (`state.py`), a lock lets one command
at a time change it. A service is under a keeper (`keeper.py`) that is tied to `up` until everything runs and the file
is written, so a crash in between leaves nothing. `KAFKA_BROKER` and `REDIS_URL` name servers of somebody else's: then
nothing is started or ended for that part.
"""

import shutil
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from stream_app.local.errors import LocalServiceError
from stream_app.local.jars import Progress
from stream_app.local.kafka import KafkaServer
from stream_app.local.probe import kafka_answers, redis_answers
from stream_app.local.process import end_process, port_is_free
from stream_app.local.state import Record, locked, read_records, write_records
from stream_app.local.valkey import ValkeyServer
from stream_app.security import redis_tls, security_from

State = Literal["running", "external", "silent", "stopped"]
Server = KafkaServer | ValkeyServer

_STOP_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Part:
    """One of the services: what names another server for it, its usual port, and how to ask whether it answers.

    `tls` is what to ask a server with that the variable names, by the environment; those that run here have none.
    """

    name: str
    variable: str
    port: int
    answers: Callable[..., bool]
    tls: Callable[[str, Mapping[str, str]], ssl.SSLContext | None]
    make: Callable[[Path, int, Progress], Server]


PARTS = (
    Part(
        "valkey",
        "REDIS_URL",
        6379,
        redis_answers,
        redis_tls,
        lambda folder, port, _: ValkeyServer(folder, port=port),
    ),
    Part(
        "kafka",
        "KAFKA_BROKER",
        9092,
        kafka_answers,
        lambda _, environ: security_from(environ).tls,
        lambda folder, port, p: KafkaServer(folder, port=port, progress=p),
    ),
)


@dataclass(frozen=True, slots=True)
class Status:
    """How one service stands.

    `running`: started here, and it answers. `external`: named by its variable, which `note` says. `silent`: its process
    is there (or its variable is set) and does not answer. `stopped`: not there. `address` is `host:port` (without the
    password that a URL may have), `pid` the server's own process.
    """

    service: str
    state: State
    address: str | None = None
    pid: int | None = None
    note: str = ""

    @property
    def usable(self) -> bool:
        """Whether a client would be answered."""
        return self.state in ("running", "external")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What clients connect to: `kafka` as `host:port[,host:port...]`, `redis` as a URL."""

    kafka: str
    redis: str


def up(data_dir: Path, environ: Mapping[str, str], progress: Progress) -> list[Status]:
    """Start what does not run yet, and leave it running; all or nothing of what this call starts.

    Raises LocalServiceError where a service can't be started, or belongs to another process that will end it.
    """
    with locked(data_dir, progress):
        records = read_records(data_dir)
        _refuse_tied(records)
        with _started(data_dir, environ, records, progress) as servers:
            write_records(data_dir, records | {name: Record.of(server) for name, server in servers.items()})
            for server in servers.values():
                server.detach()
    return status(data_dir, environ)


@contextmanager
def tied(data_dir: Path, environ: Mapping[str, str], progress: Progress) -> Iterator[Endpoints]:
    """What `up` does, for as long as the block runs: what it starts ends with it, and with this process in any case.

    Services that run already are used and left alone.
    """
    with ExitStack() as stack:
        with locked(data_dir, progress):
            records = read_records(data_dir)
            _refuse_tied(records)
            servers = stack.enter_context(_started(data_dir, environ, records, progress))
            ours = {name: Record.of(server, tied=True) for name, server in servers.items()}
            write_records(data_dir, records | ours)
        try:
            yield endpoints(data_dir, environ)
        finally:
            with locked(data_dir, progress):
                ended = {name: record.stopped() for name, record in ours.items()}
                write_records(data_dir, read_records(data_dir) | ended)


def down(data_dir: Path, environ: Mapping[str, str], progress: Progress, *, wipe: bool = False) -> list[Status]:
    """End what `up` started in this data folder, and nothing else; with `wipe`, remove its data as well."""
    if not data_dir.is_dir():
        return status(data_dir, environ)
    with locked(data_dir, progress):
        records = read_records(data_dir)
        for part in PARTS:
            record = records.get(part.name)
            if record is not None and record.keeper is not None and record.keeper.alive():
                progress(f"stopping {part.name}")
                end_process(record.keeper, _STOP_TIMEOUT_S)
        write_records(data_dir, {name: record.stopped() for name, record in records.items()})
        if wipe:
            for part in PARTS:
                shutil.rmtree(data_dir / part.name, ignore_errors=True)
            (data_dir / "services.json").unlink(missing_ok=True)
    return status(data_dir, environ)


def status(data_dir: Path, environ: Mapping[str, str]) -> list[Status]:
    """How each service stands; asks the servers themselves."""
    records = read_records(data_dir)
    return [_status(part, records.get(part.name), environ) for part in PARTS]


def endpoints(data_dir: Path, environ: Mapping[str, str]) -> Endpoints:
    """The addresses from the environment, else of what runs in this data folder; asks no server.

    Raises LocalServiceError where a service is neither named nor running.
    """
    records = read_records(data_dir)
    found = {}
    for part in PARTS:
        record = records.get(part.name)
        if environ.get(part.variable):
            found[part.name] = environ[part.variable]
        elif record is not None and record.keeper is not None and record.keeper.alive():
            address = f"127.0.0.1:{record.port}"
            found[part.name] = address if part.name == "kafka" else f"redis://{address}/0"
        else:
            raise LocalServiceError(f"{part.name} does not run: say 'stream-app up', or set {part.variable}")
    return Endpoints(kafka=found["kafka"].removeprefix("kafka://"), redis=found["valkey"])


@contextmanager
def _started(
    data_dir: Path, environ: Mapping[str, str], records: Mapping[str, Record], progress: Progress
) -> Iterator[dict[str, Server]]:
    """Start every part that is neither external nor running; end those again that are not detached in the block."""
    servers: dict[str, Server] = {}
    with ExitStack() as stack:
        for part in PARTS:
            record = records.get(part.name)
            found = _status(part, record, environ)
            if found.state != "stopped":
                progress(f"{part.name}: {found.note or f'runs already on {found.address}'}")
                continue
            port = record.port if record is not None else part.port
            server = _start(part, data_dir / part.name, port, progress)
            stack.callback(server.stop)
            servers[part.name] = server
        yield servers


def _start(part: Part, folder: Path, port: int, progress: Progress) -> Server:
    """Start a part on its usual port, or on a free one where that is taken, be it while the server starts."""
    if port_is_free(port):
        progress(f"starting {part.name}")
        server = part.make(folder, port, progress)
        try:
            server.start()
            return server
        except LocalServiceError:
            if port_is_free(port):
                raise
    progress(f"port {port} is taken: starting {part.name} on a free one")
    server = part.make(folder, 0, progress)
    server.start()
    return server


def _refuse_tied(records: Mapping[str, Record]) -> None:
    for name, record in records.items():
        if record.tied and record.keeper is not None and record.keeper.alive():
            raise LocalServiceError(
                f"{name} runs for another command (its process is {record.pid}) that will end it: "
                "stop that command first, or give another --data-dir"
            )


def _status(part: Part, record: Record | None, environ: Mapping[str, str]) -> Status:
    named = environ.get(part.variable)
    if named:
        host, port = _address(part, named)
        if part.answers(host, port, tls=part.tls(named, environ)):
            return Status(part.name, "external", f"{host}:{port}", note=f"{part.variable} is set: not managed here")
        return Status(part.name, "silent", f"{host}:{port}", note=f"{part.variable} is set, and nothing answers there")
    if record is None or record.keeper is None or not record.keeper.alive():
        crashed = record is not None and record.keeper is not None
        return Status(part.name, "stopped", note="it ended without 'down': see its log" if crashed else "")
    address = f"127.0.0.1:{record.port}"
    if part.answers("127.0.0.1", record.port):
        return Status(part.name, "running", address, record.pid)
    return Status(part.name, "silent", address, record.pid, "its process is there and does not answer")


def _address(part: Part, named: str) -> tuple[str, int]:
    """Host and port of the (first) server that a variable names; user and password are left behind."""
    first = named.split(",")[0]
    try:
        url = urlsplit(first if "://" in first else f"//{first}")
        host, port = url.hostname, url.port or part.port
    except ValueError:
        host, port = None, 0
    if host is None:
        raise LocalServiceError(f"{part.variable} names no host: expected host:port or a URL")
    return host, port

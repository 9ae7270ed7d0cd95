"""The lag as a table, as JSON, and as a table that is drawn again and again."""

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import orjson
from rich.console import Console
from rich.live import Live
from rich.table import Table

from stream_app.cli.console import print_json, print_table

if TYPE_CHECKING:
    from stream_app.ops.lag import Lag

_HEADINGS = ["group", "topic", "partition", "end", "committed", "lag", "seconds", "status"]


def as_document(lag: "Lag") -> dict[str, Any]:
    """One group's partition as JSON has it."""
    reading = lag.reading
    return {
        "group": reading.group,
        "state": reading.state,
        "topic": reading.topic,
        "partition": reading.partition,
        "end": reading.end,
        "committed": reading.committed,
        "lag": reading.lag,
        "seconds": round(reading.seconds, 3),
        "status": lag.status,
    }


def print_looks(lags: Sequence["Lag"], json: bool) -> None:
    """Print one look."""
    if json:
        print_json([as_document(lag) for lag in lags])
    else:
        print_table(_HEADINGS, [_row(lag) for lag in lags])


class Screen:
    """Shows look after look: in place on a terminal, else one after the other. A context manager."""

    def __init__(self, json: bool) -> None:
        self.last: Sequence[Lag] = ()
        self._json = json
        console = Console(highlight=False, markup=False)
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal and not json else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, lags: Sequence["Lag"]) -> None:
        """Show a look."""
        self.last = lags
        if self._live is not None:
            table = Table(*_HEADINGS)
            for lag in lags:
                table.add_row(*_row(lag), style="red" if lag.status in ("stalled", "stopped") else "")
            self._live.update(table, refresh=True)
        elif self._json:
            sys.stdout.write(orjson.dumps([as_document(lag) for lag in lags]).decode() + "\n")
            sys.stdout.flush()
        else:
            print_looks(lags, False)
            sys.stdout.flush()


def _row(lag: "Lag") -> list[str]:
    reading = lag.reading
    committed = "-" if reading.committed is None else str(reading.committed)
    place = [reading.group, reading.topic, str(reading.partition), str(reading.end), committed]
    return [*place, str(reading.lag), f"{reading.seconds:.1f}", lag.status]

"""What was measured, as a table for the terminal, as JSON, and as the measured part of docs/benchmarks.md."""

import os
import platform
import re
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.peers.environments import java
from bench.peers.latency import Latency
from bench.peers.roster import Contender
from bench.peers.throughput import Run
from stream_app.local.jars import kafka_version

_BEGIN = "<!-- Measured: written by `python -m bench.peers`; do not edit. -->"
_END = "<!-- End of what is written by the command: notes below are kept. -->"
_NEW = f"""# Benchmarks

{_BEGIN}
{_END}

## Notes
"""


@dataclass
class Row:
    """A contender's results so far. `failed` says why its figures do not count."""

    contender: Contender
    runs: list[Run] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    failed: str | None = None

    @property
    def rate(self) -> float:
        """Median events a second; 0 without a run."""
        return statistics.median(run.rate for run in self.runs) if self.runs else 0.0


@dataclass(frozen=True)
class Machine:
    """Where it was measured."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    kafka: str
    java: str
    commit: str
    date: str
    load_before: str
    events: int
    runs: int


def describe(events: int, runs: int) -> Machine:
    """This machine, now."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        cpu=model.group(1) if model else platform.machine(),
        cores=os.cpu_count() or 0,
        memory_gib=round(pages / 2**30, 1),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        kafka=kafka_version(),
        java=_first_line([str(java()), "-version"]),
        commit=_first_line(["git", "describe", "--always", "--dirty"]),
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        load_before=load_average(),
        events=events,
        runs=runs,
    )


def load_average() -> str:
    """The machine's load over 1, 5 and 15 minutes."""
    return " ".join(f"{load:.1f}" for load in os.getloadavg())


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=30, check=False, cwd=Path(__file__).parent
        )
    except OSError:
        return "unknown"
    lines = (done.stdout + done.stderr).splitlines()
    return lines[0] if lines and done.returncode == 0 else "unknown"


Table = tuple[Sequence[str], list[list[str]]]
"""Headings and rows."""


def throughput_table(rows: Sequence[Row]) -> Table:
    """Medians of the runs, and their spread."""
    headings = (
        "contender", "guarantee", "events/s", "least - greatest", "CPU s per million", "broker CPU s per million", "peak MiB",
    )  # fmt: skip
    return headings, [_throughput(row) for row in rows]


def _throughput(row: Row) -> list[str]:
    head = [row.contender.title, row.contender.guarantee]
    if row.failed is not None or not row.runs:
        return [*head, f"does not count: {row.failed or 'not run'}", "", "", "", ""]
    rates = [run.rate for run in row.runs]
    return [
        *head,
        f"{row.rate:,.0f}",
        f"{min(rates):,.0f} - {max(rates):,.0f}",
        f"{statistics.median(run.cpu for run in row.runs):.1f}",
        f"{statistics.median(run.broker_cpu for run in row.runs):.1f}",
        f"{max(run.peak for run in row.runs) / 2**20:,.0f}",
    ]


def latency_table(rows: Sequence[Row]) -> Table:
    """One line a contender and rate."""
    headings = ("contender", "guarantee", "events/s sent", "p50 ms", "p99 ms", "messages", "CPU s per second")
    lines = [
        [
            row.contender.title, row.contender.guarantee, f"{one.rate:,.0f}", f"{one.p50:,.1f}", f"{one.p99:,.1f}",
            str(one.samples), f"{one.cpu:.2f}",
        ]
        for row in rows
        for one in row.latencies
    ]  # fmt: skip
    return headings, lines


def as_json(rows: Sequence[Row], machine: Machine) -> dict[str, Any]:
    """Everything, every run by itself."""
    return {
        "machine": asdict(machine) | {"load_after": load_average()},
        "contenders": [
            {
                "name": row.contender.name,
                "title": row.contender.title,
                "guarantee": row.contender.guarantee,
                "job": row.contender.job,
                "events_per_second": row.rate if row.failed is None else None,
                "failed": row.failed,
                "runs": [asdict(run) for run in row.runs],
                "latencies": [asdict(one) for one in row.latencies],
            }
            for row in rows
        ],
    }


def write_page(page: Path, rows: Sequence[Row], machine: Machine) -> None:
    """Put the tables between the page's two marks; what else is on it stays."""
    text = page.read_text() if page.exists() else _NEW
    if _BEGIN not in text or _END not in text:
        text = f"{text.rstrip()}\n\n{_BEGIN}\n{_END}\n"
    head, _, rest = text.partition(_BEGIN)
    tail = rest.partition(_END)[2]
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(f"{head}{_BEGIN}\n\n{_page(rows, machine)}\n{_END}{tail}")


def _page(rows: Sequence[Row], machine: Machine) -> str:
    where = (
        f"`python -m bench.peers`, {machine.date}, commit {machine.commit}: {machine.events:,} events of 50,000 leads on three "
        f"topics of four partitions; median of {machine.runs}. {machine.cores} cores ({machine.cpu}), {machine.memory_gib} GiB, "
        f"{machine.kernel}; Python {machine.python}, Apache Kafka {machine.kafka} on the same machine, {machine.java}. "
        f"Load average before {machine.load_before}, after {load_average()}."
    )
    parts = ["## Peers", where, _markdown(throughput_table(rows))]
    latencies = latency_table(rows)
    if latencies[1]:
        rates = "a tenth of the contender's own median above, and at a tenth of our lane's"
        parts += [f"From sending an event to seeing its message, read committed, at {rates}:", _markdown(latencies)]
    return "\n\n".join(parts) + "\n"


def _markdown(table: Table) -> str:
    headings, rows = table
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)

"""What it costs to let quiet leads fall by themselves: `python -m bench.timers [--leads 1000000] [--json]`.

Leads that were active over a month and then fell silent are recovered into one lead processor (no Kafka), and a day of
theirs is let pass, minute by minute as a caught-up lane would. Every wake-up that publishes nothing is wasted; the
figures say how many there are for each change that is published.
"""

import argparse
import gc
import json
import resource
import sys
import time

from bench.engine import START, activities, take
from stream_app.engine.encoding import encode
from stream_app.engine.forecast import next_change
from stream_app.engine.state import Subject
from stream_app.engine.times import DAY, MINUTE
from stream_app.modelfiles import read_model
from stream_app.runtime.lead import Lead
from stream_app.topics import load_manifest
from stream_app.worker.composition import Scoring, compose
from stream_app.worker.entries import pack
from stream_app.worker.leads import LeadProcessor

PATTERNS = 2_000  # distinct histories, taken by one lead after the other
SILENT_SINCE = START + 33 * DAY


class Table:
    """A partition's state in memory."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        return self.entries.get(key)

    def items(self) -> object:
        """All of them."""
        return iter(self.entries.items())


def silent_leads(scoring: Scoring, count: int) -> dict[bytes, bytes]:
    """The entries of `count` leads that have been silent for days, each due when something next changes."""
    plan = scoring.leads
    leads = [Lead(plan, Subject("", len(plan.trackers))) for _ in range(PATTERNS)]
    for number, event in activities(PATTERNS * 12, PATTERNS, 5):
        take(plan, leads[number], event)
    told: list[tuple[Lead, int | None]] = []
    for lead in leads:
        if lead.subject.latest < 0:
            continue
        lead.advance(SILENT_SINCE)
        lead.moves.clear()
        told.append((lead, next_change(lead)))
    entries = {}
    for number in range(count):
        lead, due = told[number % len(told)]
        lead.subject.key = f"user:u-{number}"
        entries[lead.subject.key.encode()] = pack(due, encode(plan, lead.subject, lead.card))
    return entries


def one_day(processor: LeadProcessor, table: Table) -> dict[str, float]:
    """Let a day pass; wake-ups, published records, transitions and seconds."""
    wakes = records = moves = 0
    began = time.process_time()
    for now in range(SILENT_SINCE, SILENT_SINCE + DAY + 1, MINUTE):
        more = True
        while more:
            more = processor.advance(now, 2_000)
            effects = processor.drain()
            for key, entry in effects.changes:
                wakes += 1
                if entry is not None:
                    table.entries[key] = entry
            for output in effects.outputs:
                records += output.topic == processor.scoring.names.lead_scores
                moves += output.topic == processor.scoring.names.transitions
    return {"wake-ups": wakes, "published": records, "transitions": moves, "seconds": time.process_time() - began}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="b2b-saas")
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    scoring = compose(read_model(options.model), load_manifest("", 1))
    table = Table()
    table.entries = silent_leads(scoring, options.leads)
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 100)
    processor = LeadProcessor(scoring, 0, table, lambda: SILENT_SINCE)  # type: ignore[arg-type]
    began = time.process_time()
    processor.restore(list(table.entries.items()))
    restored = time.process_time() - began
    figures = {"leads": options.leads, "seconds to set the timers": restored, **one_day(processor, table)}
    figures["wake-ups per published change"] = figures["wake-ups"] / max(1, figures["published"])
    figures["microseconds per wake-up"] = figures["seconds"] * 1e6 / max(1, figures["wake-ups"])
    figures["peak memory, MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if options.json:
        json.dump(figures, sys.stdout, indent=2)
        print()
        return
    for label, value in figures.items():
        print(f"{label:32} {value:>14,.2f}")


if __name__ == "__main__":
    main()

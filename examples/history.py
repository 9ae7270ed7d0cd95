"""Writes a history of invented leads, the same every time: `python examples/history.py > history.ndjson`."""

import argparse
import sys
from itertools import islice

from stream_app.engine.times import parse_time
from stream_app.local.simulator import Story, simulate


def main() -> None:
    """Write so many events, one JSON a line, to standard output."""
    parser = argparse.ArgumentParser(description="Write a history of invented leads, one event a line.")
    parser.add_argument("--events", type=int, default=4_000, help="how many")
    parser.add_argument("--a-day", type=float, default=80.0, help="about how many a day")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another story")
    words = parser.parse_args()
    start = parse_time("2026-01-05T00:00:00Z")
    closed = {"won": ("lifecycle", "customer"), "lost": ("lifecycle", "lost")}
    story = Story(seed=words.seed, events_a_day=words.a_day, closed=closed)
    told = (one.raw for one in simulate(story, lambda at: start + at) if one.refused is None)
    for raw in islice(told, words.events):
        sys.stdout.buffer.write(raw + b"\n")


if __name__ == "__main__":
    main()

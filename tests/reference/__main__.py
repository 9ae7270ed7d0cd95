"""`python -m tests.reference CASE_DIR...`: what differs between the reference and conformance cases."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.reference import compare, replay
from tests.reference.cases import load_case


def main(folders: list[str]) -> int:
    """Print the differences of each case; 1 if there are any."""
    bad = 0
    for folder in folders:
        model, events, until, expected = load_case(Path(folder))
        started = time.perf_counter()
        actual = replay(model, events, until=until)
        took = time.perf_counter() - started
        lines = compare(expected, actual, tolerance=1e-6)
        bad += bool(lines)
        print(f"{folder}: {len(lines) or 'no'} differences, {took:.2f} s")
        for line in lines[:40]:
            print("  ", line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

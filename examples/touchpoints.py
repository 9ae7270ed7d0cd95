"""Marketing touches of an online shop (CSV) to events, sorted by time: `python examples/touchpoints.py IN.csv > OUT.ndjson`.

The columns are `customer_id, time, interaction, conversion, conversion_value, channel`. Each row becomes one event: an
impression on its channel, a conversion the CRM's word that the lead was won, with its value. The file knows no e-mail
and no accounts: Online Video stands in for the one, so that every topic of leads has work, and each customer belongs
to one of 400 made-up accounts. The same file always gives the same events, ids included.
"""

import argparse
import csv
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

ACCOUNTS = 400
CHANNELS = {
    "Online Display": "web",
    "Paid Search": "web",
    "Online Video": "email",
    "Facebook": "social",
    "Instagram": "social",
}
ORDER = ("web", "email", "social", "crm")
"""That of the topics in `schemas/topics.yaml`, which decides between events of the same time."""


def event_of(row: Mapping[str, str]) -> dict[str, Any]:
    """The event of one row. Raises `KeyError` or `ValueError` for a row that is none of this file."""
    customer = row["customer_id"]
    event: dict[str, Any] = {
        "event_id": "touch-" + _digest("|".join((customer, row["time"], row["interaction"], row["channel"])))[:20],
        "channel": CHANNELS[row["channel"]],
        "type": row["interaction"],
        "time": row["time"],
        "user_id": customer,
        "account_id": f"acct-{int(_digest(customer)[:8], 16) % ACCOUNTS:03d}",
        "properties": {"medium": row["channel"]},
    }
    if row["conversion"] == "1":
        won = {"outcome": "won", "value": float(row["conversion_value"]), "medium": row["channel"]}
        event |= {"channel": "crm", "type": "outcome", "properties": won}
    return event


def convert(source: TextIO) -> Iterator[dict[str, Any]]:
    """The events of a file, by time; those of one time in the order of their topics."""
    events = [event_of(row) for row in csv.DictReader(source)]
    events.sort(key=lambda event: (event["time"], ORDER.index(event["channel"]), event["event_id"]))
    yield from events


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def main() -> None:
    """Convert the file named on the command line to standard output."""
    parser = argparse.ArgumentParser(description="Touchpoints (CSV) to events (NDJSON), sorted by time.")
    parser.add_argument("csv", help="the file; - is standard input")
    path = parser.parse_args().csv
    with sys.stdin if path == "-" else open(path, encoding="utf-8", newline="") as source:
        for event in convert(source):
            print(json.dumps(event, ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    main()

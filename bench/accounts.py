"""What the members of an account cost: `python -m bench.accounts [--members 10,1000,50000] [--json]`.

One account processor without Kafka, and a lead processor that takes what members are told. An account of so many members
is recovered; then members change one by one (a transaction each), then its facts change, then its score. `told` are
messages to members, until nothing is under way. Times are CPU time.
"""

import argparse
import gc
import json
import sys
import time
import tracemalloc
from typing import Any

from stream_app.engine.model.load import load_model
from stream_app.engine.times import DAY, HOUR, format_time, parse_time
from stream_app.streaming.store import MemoryStore
from stream_app.topics import load_manifest
from stream_app.worker import messages
from stream_app.worker.accounts import AccountProcessor
from stream_app.worker.composition import Scoring, compose
from stream_app.worker.leads import LeadProcessor
from stream_app.worker.messages import Contribution, Member

START = parse_time("2026-03-02T00:00:00Z")
MODEL = """
model: accounts
resolution: 1h
scores: {interest: {clamp: [0, 100]}, fit: {}}
combined: {total: {weights: {interest: 1, fit: 1, account.score: 0.1}}}
rules:
  - {id: view, kind: activity, score: interest, on: {type: page_view}, points: 10, decay: {half_life: 30d}}
  - {id: large, kind: fact, score: fit, when: {employees: {ge: 100}}, points: 15}
ladders:
  lifecycle: [{stage: known}, {stage: mql, enter: {scores: {total: {ge: 1000000}}}}]
account:
  scores:
    score:
      rollup: {score: interest, sum: true, per_member: 80}
      breadth: {fact: department, min_score: 20, points: {2: 20, 3: 50}}
  rules:
    - {id: funding, kind: activity, score: score, on: {type: funding}, points: 30, decay: {half_life: 4d}}
  ladders:
    account: [{stage: target}, {stage: mqa, enter: {scores: {score: {ge: 60}}}}]
"""
"""Every member's change is news to all: leads see their account's score, to which each adds."""
DEPARTMENTS = ["it", "sales", "finance", "marketing", "law"]


class Record:
    """A record as a lane hands it over."""

    partition = 0

    def __init__(self, topic: str, key: bytes, value: bytes, timestamp: int, headers: Any = ()) -> None:
        self.topic, self.key, self.value, self.timestamp, self.headers = topic, key, value, timestamp, headers
        self.offset = 0


class Bench:
    """One account `acme` of so many members, in one partition."""

    def __init__(self, scoring: Scoring, members: int) -> None:
        self.scoring, self.members, self.number, self.now = scoring, members, 0, START + DAY
        self.table, self.leads_table = MemoryStore(), MemoryStore()
        self.processor = AccountProcessor(scoring, 0, self.table, lambda: self.now)
        self.leads = LeadProcessor(scoring, 0, self.leads_table, lambda: self.now)
        self.told: list[Any] = []

    def fill(self) -> None:
        """Let all members be leads, and join."""
        names = self.scoring.names
        for first in range(0, self.members, 1_000):
            records = []
            for lead in range(first, min(first + 1_000, self.members)):
                event = {
                    "event_id": f"first-{lead}",
                    "type": "page_view",
                    "time": format_time(START),
                    "email": f"person.{lead}@acme.example",
                    "facts": {"department": DEPARTMENTS[lead % len(DEPARTMENTS)]},
                    "properties": {"path": "/pricing"},
                }
                records.append(Record("web-events", b"", json.dumps(event).encode(), START))
            self.leads.process(records)
            effects = self.leads.drain()
            self.leads_table.stage(effects.changes)
            self.take([Record(o.topic, o.key or b"", o.value or b"", START, o.headers) for o in effects.outputs
                       if o.topic == names.account_inbox])  # fmt: skip
        self.settle()
        self.told.clear()

    def take(self, records: list[Record]) -> tuple[int, int, int]:
        """A transaction: messages to members, all outputs, bytes of the changelog."""
        self.processor.process(records)  # type: ignore[arg-type]
        return self.drain()

    def drain(self) -> tuple[int, int, int]:
        """What came of it."""
        effects = self.processor.drain()
        changes = dict(effects.changes)
        self.table.stage(changes.items())
        told = [output for output in effects.outputs if output.topic == self.scoring.names.lead_inbox]
        self.told += told
        return len(told), len(effects.outputs), sum(len(key) + len(value or b"") for key, value in changes.items())

    def settle(self) -> tuple[int, int, int, float]:
        """Let time stand still and all news arrive: transactions, messages, bytes, the longest transaction's seconds."""
        count = told = size = 0
        longest = 0.0
        while (due := self.processor.next_due()) is not None and due <= 0:
            began = time.process_time()
            self.processor.advance(0, 500)
            some, _, written = self.drain()
            longest = max(longest, time.process_time() - began)
            count, told, size = count + 1, told + some, size + written
        return count, told, size, longest

    def member(self) -> Record:
        """A member whose score has changed."""
        self.number += 1
        lead = f"email:person.{self.number * 7919 % self.members}@acme.example"
        shares = [Contribution(float(20 + self.number % 60), DEPARTMENTS[self.number % 5], True)]
        value = messages.to_bytes(
            Member(lead, "acme.example", START + self.number, "activity", f"m{self.number}", shares)
        )
        kind = [(messages.KIND, messages.MEMBER.encode())]
        return Record(self.scoring.names.account_inbox, b"acme.example", value, START + self.number, kind)

    def facts(self) -> Record:
        """An event that says something new of the account."""
        self.number += 1
        event = {
            "event_id": f"f{self.number}",
            "type": "identify",
            "time": format_time(START + HOUR + self.number),
            "account_id": "acme.example",
            "account_facts": {"employees": 100 + self.number, "trade": f"kind {self.number}", "hobby": "chess"},
        }
        return Record("account-events", b"acme.example", json.dumps(event).encode(), START + HOUR + self.number)


def updates(bench: Bench, count: int) -> dict[str, float]:
    """Members that change, a transaction each, and how many messages are left over in the end."""
    records = [bench.member() for _ in range(count)]
    told = written = 0
    began = time.process_time()
    for record in records:
        some, _, size = bench.take([record])
        told, written = told + some, written + size
    seconds = time.process_time() - began
    _, after, _, _ = bench.settle()
    return {
        "microseconds": seconds / count * 1e6,
        "told in it": told / count,
        "told after the last": after,
        "changelog bytes": written / count,
    }


def news(bench: Bench) -> dict[str, float]:
    """One change of facts, until every member knows; then the leads' part of it."""
    bench.told.clear()
    began = time.process_time()
    first, _, size = bench.take([bench.facts()])
    at_once = time.process_time() - began
    transactions, later, more, longest = bench.settle()
    seconds = time.process_time() - began
    names = bench.scoring.names
    records = [Record(names.lead_inbox, o.key or b"", o.value or b"", START, o.headers) for o in bench.told]
    began = time.process_time()
    for at in range(0, len(records), 1_000):
        bench.leads.process(records[at : at + 1_000])  # type: ignore[arg-type]
        bench.leads_table.stage(bench.leads.drain().changes)
    heard = time.process_time() - began
    return {
        "told at once": first,
        "told later": later,
        "transactions": 1 + transactions,
        "longest, ms": max(at_once, longest) * 1e3,
        "in all, ms": seconds * 1e3,
        "changelog bytes": size + more,
        "microseconds a member told, in its partition": heard / max(1, len(records)) * 1e6,
    }


def recovered(bench: Bench) -> dict[str, float]:
    """The members' memory besides the table, and the time to take them in."""
    entries = list(bench.table.items())
    processor = AccountProcessor(bench.scoring, 0, bench.table, lambda: START)
    gc.collect()
    began = time.process_time()
    for at in range(0, len(entries), 2_000):
        processor.restore(entries[at : at + 2_000])
    processor.next_due()
    seconds = time.process_time() - began
    del processor
    gc.collect()
    tracemalloc.start()
    processor = AccountProcessor(bench.scoring, 0, bench.table, lambda: START)
    before = tracemalloc.get_traced_memory()[0]
    for at in range(0, len(entries), 2_000):
        processor.restore(entries[at : at + 2_000])
    assert len(processor._accounts.table.contributions("acme.example").members) == bench.members
    size = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return {
        "bytes a member": size / bench.members,
        "bytes in the table": sum(len(key) + len(value) for key, value in entries if key[:1] == b"m") / bench.members,
        "microseconds to take in": seconds / bench.members * 1e6,
    }


def measure(scoring: Scoring, members: int) -> dict[str, dict[str, float]]:
    """All figures for one size."""
    bench = Bench(scoring, members)
    bench.fill()
    return {"a member changes": updates(bench, 1_000), "facts change": news(bench), "recovery": recovered(bench)}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", default="10,1000,50000")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    scoring = compose(load_model(MODEL, "accounts.yaml"), load_manifest("", 1))
    gc.disable()  # as a worker does: see stream_app/streaming/garbage.py
    figures = {int(count): measure(scoring, int(count)) for count in options.members.split(",")}
    if options.json:
        json.dump(figures, sys.stdout, indent=2)
        print()
        return
    sizes = list(figures)
    print(f"{'members':60}" + "".join(f"{size:>12,}" for size in sizes))
    for part, values in figures[sizes[0]].items():
        for label in values:
            print(f"{part + ': ' + label:60}" + "".join(f"{figures[size][part][label]:>12,.1f}" for size in sizes))


if __name__ == "__main__":
    main()

"""Speed and size of the scoring engine: `python -m bench.engine [--model M] [--json]`.

One core, one process, CPU time. Activities are read beforehand; what is timed is: take the activity (admission, advance, count,
score, ladders). *Hot* keeps the leads decoded; *cold* decodes and encodes the lead's state for every activity.
"""

import argparse
import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Iterator

from stream_app.engine.activity import Activity, Value
from stream_app.engine.admission import verdict
from stream_app.engine.encoding import card_of, decode_with_card, encode
from stream_app.engine.plan import Plan
from stream_app.engine.state import NEVER, Subject
from stream_app.engine.times import DAY, HOUR, MINUTE
from stream_app.modelfiles import read_model
from stream_app.runtime.lead import Lead

START = 1_767_225_600_000  # 2026-01-01
LEADS = 1_000
PATHS = ("/pricing", "/pricing/eu", "/blog/a", "/blog/b", "/docs", "/")
FACTS: tuple[dict[str, Value | None], ...] = (
    {"job_title": "CIO", "industry": "software", "employees": 120},
    {"first_name": "ann", "country": "US"},
)


def activities(count: int, leads: int, seed: int) -> Iterator[tuple[int, Activity]]:
    """Activities of many leads in the order of time, spread over a month: pages, mails, social, downloads, profiles."""
    chance = random.Random(seed)
    step = 30 * DAY // count
    for number in range(count):
        lead = chance.randrange(leads)
        when = START + number * step + chance.randrange(MINUTE)
        yield lead, activity(chance, f"e{number}", lead, when)


def activity(chance: random.Random, ident: str, lead: int, when: int) -> Activity:
    """One activity, most of them page views, as on a real site."""
    roll = chance.random()
    user = f"u-{lead}"
    if roll < 0.6:
        properties: dict[str, Value | None] = {"path": chance.choice(PATHS), "dwell_seconds": chance.randrange(200)}
        return Activity(event_id=ident, type="page_view", time=when, channel="web", user_id=user, properties=properties)
    if roll < 0.8:
        kind = chance.choice(("sent", "open", "click"))
        mail: dict[str, Value | None] = {"email_id": f"n{chance.randrange(1, 8)}"}
        return Activity(event_id=ident, type=kind, time=when, channel="email", user_id=user, properties=mail)
    if roll < 0.92:
        kind = chance.choice(("like", "share", "comment"))
        return Activity(event_id=ident, type=kind, time=when, channel="social", user_id=user)
    if roll < 0.98:
        offer: dict[str, Value | None] = {"offer_id": f"o{chance.randrange(9)}", "content_type": "whitepaper"}
        return Activity(event_id=ident, type="download", time=when, channel="web", user_id=user, properties=offer)
    facts = chance.choice(FACTS)
    return Activity(event_id=ident, type="identify", time=when, channel="web", user_id=user, facts=dict(facts))


def take(plan: Plan, lead: Lead, event: Activity) -> None:
    """What the worker does with an accepted activity of a lead, less its messages."""
    subject = lead.subject
    if verdict(subject, event, plan.lateness) is not None:
        return
    new = subject.clock == NEVER
    lead.advance(event.time)
    before = lead.before(new)
    lead.add(event)
    lead.settle(event, before)
    lead.moves.clear()


def hot(plan: Plan, events: list[tuple[int, Activity]]) -> float:
    """Activities a second with the leads decoded."""
    leads = [Lead(plan, Subject(f"user:u-{number}", len(plan.trackers))) for number in range(LEADS)]
    began = time.process_time()
    for number, event in events:
        take(plan, leads[number], event)
    return len(events) / (time.process_time() - began)


def cold(plan: Plan, events: list[tuple[int, Activity]]) -> float:
    """Activities a second with decode and encode every time."""
    states = [encode(plan, Subject(f"user:u-{number}", len(plan.trackers))) for number in range(LEADS)]
    began = time.process_time()
    for number, event in events:
        subject, kept = decode_with_card(plan, states[number])
        lead = Lead(plan, subject)
        if kept is not None:
            lead.resume(card_of(plan, subject, lead.view, kept))
        take(plan, lead, event)
        states[number] = encode(plan, subject, lead.card)
    return len(events) / (time.process_time() - began)


def size(plan: Plan, count: int) -> int:
    """Bytes of one lead's state after so many activities, one an hour or so."""
    chance = random.Random(7)
    lead = Lead(plan, Subject("user:u-1", len(plan.trackers)))
    for number in range(count):
        take(plan, lead, activity(chance, f"01J{number:023d}", 1, START + number * HOUR))
    return len(encode(plan, lead.subject, lead.card))


def main() -> None:
    """Print the figures: median, least and greatest of the runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="b2b-saas")
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    model = read_model(options.model)
    plan = Plan(model, model.lead)
    gc.set_threshold(1_000_000, 20, 100)  # as the worker does
    events = list(activities(options.events, LEADS, 1))
    figures: dict[str, float] = {}
    for name, run in (("hot", hot), ("cold", cold)):
        rates = [run(plan, events) for _ in range(options.runs)]
        figures[f"{name} activities/s, median"] = round(statistics.median(rates))
        figures[f"{name} activities/s, least"] = round(min(rates))
        figures[f"{name} activities/s, greatest"] = round(max(rates))
    for count in (100, 10_000):
        figures[f"bytes a lead after {count} activities"] = size(plan, count)
    if options.json:
        json.dump(figures, sys.stdout, indent=2)
        print()
        return
    for label, value in figures.items():
        print(f"{label:45} {value:>12,.0f}")


if __name__ == "__main__":
    main()

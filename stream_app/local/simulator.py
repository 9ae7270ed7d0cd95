"""Simulated producers: a seeded, endless story of leads and companies, as events in the order of their times.

The rule: pure. The same settings tell the same story, byte for byte, however fast it is played; no clock, no network.
Each lead has one stable key: a user id, or an e-mail address. Some events are broken on purpose, each in a known way.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Final

import msgspec

from stream_app.engine.activity import Activity
from stream_app.engine.times import format_time
from stream_app.ingest import parse_event
from stream_app.ingest.limits import EVENT_BYTES
from stream_app.local.cast import Company, Person, make_company, make_person, make_spammer
from stream_app.local.plots import CASTING, DAY, HOUR, Plot, Step, company_life, spammer

_EVENTS_A_LEAD: Final = 24.0  # over a lead's life; fewer in fact, so that a story has calm days (a test holds it)
_BURST_DAYS: Final = 2.0
_BURST_SHARE: Final = 20  # days' worth of leads that come in the burst of the first days
_COMPANIES: Final = 40
_OUT_OF_COMPANY: Final = 0.1
_TRACKER: Final = "kiosk-1"

Timeline = Callable[[int], int]
"""The time (ms since the epoch) of what happens so many ms after the story began. Never falls."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """One record of a producer.

    `at` is when it happens (ms since the story began), `activity` what was meant (it decides topic, key and record
    timestamp), `raw` what is sent. `refused` is the code with which a broken one ends among the dead letters.
    """

    at: int
    activity: Activity
    raw: bytes
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What is told: the seed, how many events a day, and what the CRM does when a deal is closed.

    `events_a_day` is about the most that there are, but for the first two days, when many leads come. `closed`
    gives (ladder, stage) by outcome (`won`, `lost`); of others the CRM tells the outcome only.
    """

    seed: int = 1
    events_a_day: float = 100.0
    closed: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def leads_a_day(self) -> float:
        """How many leads appear a day once the story is under way."""
        return self.events_a_day / _EVENTS_A_LEAD

    @property
    def companies(self) -> int:
        """How many companies there are."""
        return max(8, round(_COMPANIES * self.events_a_day / 100))


def history_then_present(start: int, present: int, pace: float) -> Timeline:
    """Times that begin at `start` and run on to `present` (both ms since the epoch); from there on `pace` times slower,
    so that a story played at `pace` never overtakes the clock on the wall."""

    def time_of(at: int) -> int:
        beyond = start + at - present
        return start + at if beyond <= 0 else present + int(beyond / pace)

    return time_of


def simulate(story: Story, time_of: Timeline) -> Iterator[Simulated]:
    """The story's records, endless, in the order of `at`."""
    waiting: list[tuple[int, int, Simulated, Iterator[Simulated]]] = []
    order = count()

    def join(life: Iterator[Simulated]) -> None:
        first = next(life, None)
        if first is not None:
            heapq.heappush(waiting, (first.at, next(order), first, life))

    arrivals = _arrivals(story, time_of)
    arrival, newcomer = next(arrivals)
    join(_broken(story, time_of))
    while True:
        while not waiting or arrival <= waiting[0][0]:
            join(newcomer)
            arrival, newcomer = next(arrivals)
        _, _, record, life = heapq.heappop(waiting)
        yield record
        join(life)


def _arrivals(story: Story, time_of: Timeline) -> Iterator[tuple[int, Iterator[Simulated]]]:
    """When each life begins, in order: of every lead, and of a company when the first of its people appears."""
    rng = Random(f"{story.seed}:arrivals")
    companies: dict[int, Company] = {}
    at = 0.0
    for number in count(1):
        in_burst = number <= story.leads_a_day * _BURST_SHARE
        daily = story.leads_a_day * (_BURST_SHARE / _BURST_DAYS if in_burst else 1.0)
        at += rng.expovariate(daily) * DAY
        plot = rng.choices([plot for plot, _ in CASTING], [often for _, often in CASTING])[0]
        if plot is spammer or rng.random() < _OUT_OF_COMPANY:
            company = None
        else:
            place = int(story.companies * rng.random() ** 1.7)  # some have many people here, most have few
            company = companies.get(place)
            if company is None:
                company = companies[place] = make_company(rng, place)
                yield int(at), _company(story, company, int(at), time_of)
        yield int(at), _lead(story, number, plot, company, int(at), time_of)


def _lead(
    story: Story, number: int, plot: Plot, company: Company | None, at: int, time_of: Timeline
) -> Iterator[Simulated]:
    rng = Random(f"{story.seed}:lead:{number}")
    person = make_spammer(rng, number) if plot is spammer else make_person(rng, number, company)
    for serial, step in enumerate(plot(rng, at)):
        if step.type == "stage_set":
            outcome = str(step.properties["outcome"])
            if outcome not in story.closed:
                continue
            ladder, stage = story.closed[outcome]
            step = Step(step.at, step.channel, step.type, {"ladder": ladder, "stage": stage, **step.properties})
        yield _record(step.at, _event(person, step, f"sim-{number}-{serial}", time_of(step.at)))


def _company(story: Story, company: Company, at: int, time_of: Timeline) -> Iterator[Simulated]:
    rng = Random(f"{story.seed}:company:{company.account_id}")
    for serial, (when, type_, properties) in enumerate(company_life(rng, company, at)):
        event: dict[str, object] = {
            "event_id": f"sim-{company.account_id}-{serial}",
            "channel": "account",
            "type": type_,
            "time": format_time(time_of(when)),
            "account_id": company.account_id,
        }
        event |= {"properties": properties} if properties else {}
        yield _record(when, event | ({"account_facts": company.facts} if type_ == "identify" else {}))


def _event(person: Person, step: Step, event_id: str, time: int) -> dict[str, object]:
    event: dict[str, object] = {"event_id": event_id, "channel": step.channel, "type": step.type}
    event["time"] = format_time(time)
    if person.user_id is not None:
        event["user_id"] = person.user_id
    if person.user_id is None or step.form:
        event["email"] = person.email
    if person.company is not None:
        event["account_id"] = person.company.account_id
    if step.properties:
        event["properties"] = step.properties
    return event | ({"facts": person.facts} if step.form else {})


def _record(at: int, event: dict[str, object]) -> Simulated:
    raw = msgspec.json.encode(event)
    return Simulated(at, parse_event(raw, channel=None), raw)


# -- broken on purpose ------------------------------------------------------------------------------------------------


def _broken(story: Story, time_of: Timeline) -> Iterator[Simulated]:
    """A kiosk's tracker that is right once and then wrong in every way in turn; about one event in a hundred."""
    rng = Random(f"{story.seed}:broken")
    at = HOUR
    for serial in count():
        event: dict[str, object] = {
            "event_id": f"sim-{_TRACKER}-{serial}",
            "channel": "web",
            "type": "page_view",
            "time": format_time(time_of(at)),
            "user_id": _TRACKER,
            "properties": {"path": "/kiosk"},
        }
        meant = _record(at, event)
        if serial == 0:
            yield meant
        else:
            code, breaks = _WAYS[(serial - 1) % len(_WAYS)]
            yield Simulated(at, meant.activity, breaks(event, meant), code)
        at += int(rng.expovariate(story.events_a_day / 100) * DAY)


def _cut_off(event: dict[str, object], meant: Simulated) -> bytes:
    return meant.raw[:-20]


def _misspelt(event: dict[str, object], meant: Simulated) -> bytes:
    return msgspec.json.encode({**event, "utm_source": "fair"})


def _of_nobody(event: dict[str, object], meant: Simulated) -> bytes:
    return msgspec.json.encode({name: value for name, value in event.items() if name != "user_id"})


def _ahead(event: dict[str, object], meant: Simulated) -> bytes:
    return msgspec.json.encode({**event, "time": "2199-01-01T00:00:00Z"})


def _behind(event: dict[str, object], meant: Simulated) -> bytes:
    return msgspec.json.encode({**event, "time": format_time(max(0, meant.activity.time - 1_000 * DAY))})


def _wrong_type(event: dict[str, object], meant: Simulated) -> bytes:
    return msgspec.json.encode({**event, "properties": {"path": {"nested": "object"}}})


def _bloated(event: dict[str, object], meant: Simulated) -> bytes:
    return msgspec.json.encode({**event, "properties": {f"p{n}": "x" * 4_000 for n in range(EVENT_BYTES // 4_000 + 1)}})


_WAYS: Final = (
    ("not_json", _cut_off),
    ("schema", _misspelt),
    ("no_identity", _of_nobody),
    ("future", _ahead),
    ("too_old", _behind),
    ("schema", _wrong_type),
    ("too_large", _bloated),
)

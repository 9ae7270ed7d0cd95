"""Scenario files: what is expected of a model, given these events (docs/models.md, "Scenarios").

A scenario stands beside its model, so that a change of the model is reviewed with what it changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from stream_app.engine.activity import Activity
from stream_app.engine.model.cursor import MAX_NAME, Cursor
from stream_app.engine.model.document import parse_document
from stream_app.engine.model.problems import Problems, shown
from stream_app.engine.model.read_conditions import read_test
from stream_app.engine.model.types import Test
from stream_app.engine.times import DAY, format_time, parse_duration, parse_time
from stream_app.ingest import Refusal, parse_event

DEFAULT_START: Final = "2026-03-02T09:00:00Z"  # a Monday
DEFAULT_LEAD: Final = "user:lead"
MAX_SCENARIOS: Final = 1_000
MAX_EVENTS: Final = 10_000
_IDENTITY: Final = ("user_id", "email", "anonymous_id")
_PLAIN: Final = ("event_id", "channel", "type", *_IDENTITY, "account_id", "properties", "facts", "account_facts")
_EVENT_KEYS: Final = ("at", "lead", "account", "repeat", *_PLAIN)
_EXPECT_KEYS: Final = (
    "at", "lead", "account", "scores", "raw", "grades", "bands", "stages", "absent", "reasons", "suppressed", "owner",
)  # fmt: skip
_MOVE_KEYS: Final = (
    "lead", "account", "ladder", "from", "to", "direction", "at", "cause", "event", "seq", "route", "actions",
    "holds_until", "suppressed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a lead's or an account's score record must say at `at` (None: at the end)."""

    place: str
    subject: str
    at: int | None
    scores: tuple[tuple[str, Test], ...]
    raw: tuple[tuple[str, Test], ...]
    names: tuple[tuple[str, str, str | None], ...]  # (grades | bands | stages, name, value)
    absent: tuple[str, ...]
    reasons: tuple[str, ...]
    plain: tuple[tuple[str, Any], ...]  # suppressed, owner


@dataclass(frozen=True, slots=True)
class ExpectedMove:
    """What one transition must say; what is not named is not compared."""

    place: str
    subject: str
    ladder: str
    fields: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Events and what is expected of them."""

    name: str
    place: str
    covers: tuple[str, ...]
    start: int
    until: int | None
    events: tuple[Activity, ...]
    expect: tuple[Expectation, ...]
    moves: tuple[ExpectedMove, ...] | None


def load_scenarios(text: str, source: str, model_name: str) -> tuple[Scenario, ...]:
    """The scenarios of a file's text. Raises `ModelError` with every problem."""
    problems = Problems(source)
    at = Cursor(parse_document(text, source), "", problems)
    found: list[Scenario] = []
    if at.keys(("model", "start", "scenarios"), "scenarios: a mapping with the keys model, scenarios, ..."):
        named = at.get("model")
        if named is not None and named.text("the model's name") != model_name:
            named.problem(f'expected the name of the model, "{model_name}", found {shown(named.node.value)}')
        start = _time(at.get("start"), 0) if at.has("start") else parse_time(DEFAULT_START)
        listed = at.need("scenarios", "a list of scenarios")
        for item in listed.items("a list of scenarios", MAX_SCENARIOS) if listed is not None else []:
            found.append(_scenario(item, start))
    problems.raise_any()
    return tuple(found)


def _scenario(at: Cursor, start: int) -> Scenario:
    at.keys(("scenario", "covers", "start", "until", "events", "expect", "transitions"), "a scenario")
    name, covers, events = at.need("scenario", "what it shows"), at.get("covers"), at.need("events", "a list of events")
    if at.has("start"):
        start = _time(at.get("start"), 0)
    expect, moves, until = at.get("expect"), at.get("transitions"), at.get("until")
    if expect is None and moves is None:
        at.problem("expected `expect` or `transitions`, found neither")
    items = events.items("a list of events", MAX_EVENTS, empty=True) if events is not None else []
    return Scenario(
        name=name.text("what it shows") if name is not None else "",
        place=_place(at),
        covers=tuple(one.text("an id") for one in covers.items("a list of ids", 100)) if covers is not None else (),
        start=start,
        until=_time(until, start) if until is not None else None,
        events=tuple(activity for number, item in enumerate(items, 1) for activity in _events(item, number, start)),
        expect=tuple(_expectation(one, start) for one in expect.items("a list of expectations", 1_000))
        if expect
        else (),
        moves=_moves(moves, start) if moves is not None else None,
    )


def _events(at: Cursor, number: int, start: int) -> Iterator[Activity]:
    """An event, or as many as its `repeat` says."""
    if not at.keys(_EVENT_KEYS, "an event, such as {at: +1d, channel: web, type: page_view}"):
        return
    first = _time(at.get("at"), start)
    times, every = _repeat(at.get("repeat"))
    body = {key: value.node.plain() for key in _PLAIN if (value := at.get(key)) is not None}
    lead, account = at.get("lead"), at.get("account")
    if lead is not None:
        _set_lead(body, lead.text("a lead's name", MAX_NAME))
    if account is not None:
        body["account_id"] = account.text("an account's id", MAX_NAME)
    elif not any(key in body for key in _IDENTITY):
        _set_lead(body, DEFAULT_LEAD)
    body.setdefault("event_id", f"event-{number:05d}")
    for turn in range(times):
        suffix = f".{turn + 1:05d}" if times > 1 else ""
        event = {**body, "event_id": f"{body['event_id']}{suffix}", "time": format_time(first + turn * every)}
        try:
            yield parse_event(orjson.dumps(event), channel=None)
        except Refusal as refusal:
            at.problem(f"expected an event: {refusal.message}{' at ' + refusal.pointer if refusal.pointer else ''}")
            return


def _repeat(at: Cursor | None) -> tuple[int, int]:
    if at is None or not at.keys(("times", "every"), "a repetition, such as {times: 5, every: 1d}"):
        return 1, 0
    times, every = at.need("times", "a whole number"), at.need("every", "a duration")
    return (
        times.integer("a whole number", 1, MAX_EVENTS) if times is not None else 1,
        every.duration("a duration") if every is not None else DAY,
    )


def _set_lead(body: dict[str, Any], name: str) -> None:
    kind, _, value = name.partition(":")
    key = {"user": "user_id", "email": "email", "anon": "anonymous_id"}.get(kind) if value else "user_id"
    body.setdefault(key or "user_id", value if key and value else name)


def _expectation(at: Cursor, start: int) -> Expectation:
    at.keys(_EXPECT_KEYS, "an expectation, such as {at: +1d, scores: {total: 50}}")
    absent, reasons = at.get("absent"), at.get("reasons")
    names = [
        (kind, name, value.text("a name") if value.node.value is not None else None)
        for kind in ("grades", "bands", "stages")
        for name, value in _entries(at, kind)
    ]
    return Expectation(
        place=_place(at),
        subject=_subject(at),
        at=_time(at.get("at"), start) if at.has("at") else None,
        scores=tuple((name, read_test(value)) for name, value in _entries(at, "scores")),
        raw=tuple((name, read_test(value)) for name, value in _entries(at, "raw")),
        names=tuple(names),
        absent=tuple(one.text("a score") for one in absent.items("a list of scores", 100)) if absent else (),
        reasons=tuple(one.text("a rule") for one in reasons.items("a list of rules", 100)) if reasons else (),
        plain=tuple((key, value.node.plain()) for key in ("suppressed", "owner") if (value := at.get(key)) is not None),
    )


def _moves(at: Cursor, start: int) -> tuple[ExpectedMove, ...]:
    moves = []
    for item in at.items("a list of transitions", 1_000, empty=True):
        item.keys(_MOVE_KEYS, "a transition, such as {ladder: lifecycle, from: known, to: mql}")
        ladder = item.need("ladder", "the name of a ladder")
        fields: list[tuple[str, Any]] = []
        for key in _MOVE_KEYS[3:]:
            value = item.get(key)
            if value is None:
                continue
            timed = key in ("at", "holds_until") and value.node.value is not None
            fields.append((key, format_time(_time(value, start)) if timed else value.node.plain()))
        name = ladder.text("the name of a ladder") if ladder is not None else ""
        moves.append(ExpectedMove(_place(item), _subject(item), name, tuple(fields)))
    return tuple(moves)


def _subject(at: Cursor) -> str:
    lead, account = at.get("lead"), at.get("account")
    if account is not None:
        return f"account:{account.text('an account')}"
    if lead is None:
        return DEFAULT_LEAD
    name = lead.text("a lead")
    return name if name.partition(":")[0] in ("user", "email", "anon") and ":" in name else f"user:{name}"


def _entries(at: Cursor, key: str) -> list[tuple[str, Cursor]]:
    found = at.get(key)
    return found.entries("names with what is expected", 100) if found is not None else []


def _time(at: Cursor | None, start: int) -> int:
    """An RFC 3339 time, or a duration after the start such as `+3d`."""
    if at is None:
        return start
    value = at.node.value
    try:
        if isinstance(value, str) and value.startswith("+"):
            return start + sum(parse_duration(part) for part in value[1:].split("+"))
        return parse_time(value if isinstance(value, str) else "")
    except ValueError:
        at.expected("a time such as 2026-03-02T09:00:00Z, or one after the start such as +3d or +3d+2h")
        return start


def _place(at: Cursor) -> str:
    return f"{at.problems.source}:{at.node.line}"

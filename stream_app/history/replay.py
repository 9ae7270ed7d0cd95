"""The offline replay: the same engine over a file, no broker (formats.md, `stream-app replay`)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from stream_app.engine.activity import Activity
from stream_app.engine.admission import MAX_FACT_CHARS, MAX_FACTS
from stream_app.engine.model.types import Model
from stream_app.engine.times import format_time
from stream_app.ingest import Refusal
from stream_app.ingest.ndjson import EventLine
from stream_app.runtime.world import World

Order = Literal["arrival", "time"]


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that was not taken: its line, the code, what is wrong, and where (a JSON pointer, "" for the whole)."""

    line: EventLine
    code: str
    message: str
    pointer: str = ""

    def document(self) -> dict[str, Any]:
        """As it is written to a file of dead letters."""
        return {
            "line": self.line.number,
            "error": {"code": self.code, "message": self.message, "pointer": self.pointer},
            "event": self.line.raw.decode("utf-8", "replace"),
        }


def ordered(lines: Iterable[EventLine], order: Order) -> Iterator[EventLine]:
    """The lines in file order, or by the events' times, ties in file order; unreadable ones keep their place first."""
    if order == "arrival":
        return iter(lines)
    return iter(sorted(lines, key=lambda line: -1 if isinstance(line.event, Refusal) else line.event.time))


def replay(
    world: World,
    lines: Iterable[EventLine],
    *,
    now: int | None,
    transition: Callable[[dict[str, Any]], None],
    refused: Callable[[Refused], None],
    taken: Callable[[Activity], None] | None = None,
) -> None:
    """Apply all lines to `world`; hand out transitions as they are made and refused events as they come.

    `now` (milliseconds) refuses events of the future; None refuses none. `taken` hears of every event not refused, and
    of those refused only in part.
    """
    for line in lines:
        event = line.event
        if isinstance(event, Refusal):
            refused(Refused(line, event.code, event.message, event.pointer))
            continue
        code = world.apply(event, now)
        for document in world.take_transitions():
            transition(document)
        if code is not None:
            refused(Refused(line, code, _why(event, code), _where(event, code, world.took)))
        if taken is not None and (code is None or world.took):
            taken(event)


def finish(world: World, until: int | None, transition: Callable[[dict[str, Any]], None]) -> None:
    """Tick every lead, then every account, to `until`."""
    if until is not None:
        world.tick(until)
        for document in world.take_transitions():
            transition(document)


def _why(activity: Activity, code: str) -> str:
    when = format_time(activity.time)
    if code == "future":
        return f"its time {when} is in the future"
    if code == "too_old":
        return f"its time {when} is too long before the latest event of its lead or account (the model's lateness)"
    if code == "too_many_facts":
        many = f"more than {MAX_FACTS} facts, or more than {MAX_FACT_CHARS} characters in them"
        return f"its lead or account would have {many}"
    return f"event of {when} refused: {code}"


def _where(activity: Activity, code: str, took: bool) -> str:
    """The field at fault: the account's facts where the event was taken otherwise, or is the account's own."""
    if code != "too_many_facts":
        return "/time"
    return "/account_facts" if took or activity.is_account_event else "/facts"


def score_at(
    model: Model, lines: Iterable[EventLine], key: str, at: int | None, refused: Callable[[Refused], None]
) -> tuple[World, Any] | None:
    """The world at `at`, and the lead or account that `key` (`user:...`, `email:...`, `anon:...`, `account:ID`) names.

    What happened after `at` counts for nothing: accepted events up to then are applied again to an empty world. None if
    nobody goes by that key. Without `at` the subject stands at its own clock.
    """
    accepted: list[Activity] = []
    world = World(model)
    replay(world, lines, now=None, transition=lambda _: None, refused=refused, taken=accepted.append)
    if at is not None:
        if any(activity.time > at for activity in accepted):
            world = World(model)
            for activity in accepted:
                if activity.time <= at:
                    world.apply(activity)
        world.tick(at)
    subject = world.find(key)
    return None if subject is None else (world, subject)

"""Run scenarios: the events through the same engine, and what differs from what is expected, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stream_app.engine.conditions import compile_test
from stream_app.engine.model.problems import ModelError
from stream_app.engine.model.types import Model, Test
from stream_app.engine.model.words import test_words
from stream_app.engine.times import format_time
from stream_app.errors import KnownError
from stream_app.history.scenario_file import Expectation, ExpectedMove, Scenario, load_scenarios
from stream_app.modelfiles import read_text, scenarios_text
from stream_app.runtime.world import World

TOLERANCE: Final = 1e-6
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scenario went: what differs, each as `place: what`; nothing if it holds."""

    scenario: Scenario
    failures: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not self.failures

    def as_json(self) -> Document:
        """The same as a JSON object."""
        return {
            "scenario": self.scenario.name,
            "place": self.scenario.place,
            "covers": list(self.scenario.covers),
            "holds": self.holds,
            "failures": list(self.failures),
        }


def run_scenarios(model: Model, reference: str, file: str | None = None) -> list[Outcome]:
    """Run the scenarios of `file`, or those beside the model that `reference` names. Raises `KnownError`."""
    if file is not None:
        found: tuple[str, str] | None = (read_text(Path(file)), file)
    else:
        found = scenarios_text(reference)
    if found is None:
        raise KnownError(
            f"{reference}: no scenarios beside it (expected {reference.removesuffix('.yaml')}.scenarios.yaml)"
        )
    text, source = found
    try:
        scenarios = load_scenarios(text, source, model.name)
    except ModelError as error:
        more = len(error.problems) - 1
        raise KnownError(f"{error.problems[0]}" + (f" (and {more} more)" if more else "")) from error
    return [run_scenario(model, scenario) for scenario in scenarios]


def run_scenario(model: Model, scenario: Scenario) -> Outcome:
    """Replay the scenario's events through `model`: once for each time that is looked at, once for the transitions."""
    end = _end(scenario)
    failures = [failure for one in scenario.expect for failure in _check(model, scenario, one, end)]
    if scenario.moves is not None:
        made = _played(model, scenario, end).transitions
        failures += _check_moves(scenario, scenario.moves, made)
    return Outcome(scenario, tuple(failures))


def _end(scenario: Scenario) -> int:
    if scenario.until is not None:
        return scenario.until
    times = [activity.time for activity in scenario.events] + [one.at for one in scenario.expect if one.at is not None]
    return max(times, default=scenario.start)


def _played(model: Model, scenario: Scenario, until: int) -> World:
    """The world after the events up to a time. A refused event is left out, as the worker would."""
    world = World(model)
    for activity in scenario.events:
        if activity.time <= until:
            world.apply(activity)
    world.tick(until)
    return world


def _check(model: Model, scenario: Scenario, expected: Expectation, end: int) -> Iterator[str]:
    at = expected.at if expected.at is not None else end
    world = _played(model, scenario, at)
    subject = world.find(expected.subject)
    where = f"{expected.place}: {expected.subject} at {format_time(at)}"
    if subject is None:
        yield f"{where}: expected to be known, found nobody of that name"
        return
    record = world.score(subject)
    for said in (*_numbers(record, expected), *_names(record, expected)):
        yield f"{where}: {said}"


def _numbers(record: Document, expected: Expectation) -> Iterator[str]:
    for kind, tests in (("scores", expected.scores), ("raw", expected.raw)):
        for name, test in tests:
            found = record[kind].get(name)
            if not _passes(test, found):
                yield f"{kind}.{name}: expected {test_words(test)}, found {_shown(found)}{_why(record, name)}"
    for name in expected.absent:
        if name in record["scores"]:
            yield f"scores.{name}: expected to be absent, found {_shown(record['scores'][name])}"


def _names(record: Document, expected: Expectation) -> Iterator[str]:
    for kind, name, value in expected.names:
        found = record[kind].get(name)
        if found != value:
            yield f"{kind}.{name}: expected {_shown(value)}, found {_shown(found)}{_why(record)}"
    for rule in expected.reasons:
        if rule not in {reason["rule"] for reason in record["reasons"]}:
            yield f"reasons: expected {rule} among them{_why(record)}"
    for name, wanted in expected.plain:
        if record[name] != wanted:
            yield f"{name}: expected {_shown(wanted)}, found {_shown(record[name])}"


def _passes(test: Test, found: object) -> bool:
    """A plain number is met within `TOLERANCE`; any other test as in conditions."""
    if len(test.checks) == 1 and test.checks[0][0] == "eq":
        wanted = test.checks[0][1]
        if isinstance(wanted, (int, float)) and isinstance(found, (int, float)) and not isinstance(wanted, bool):
            return abs(wanted - found) <= TOLERANCE
    return compile_test(test)(found)


def _check_moves(scenario: Scenario, expected: tuple[ExpectedMove, ...], made: list[Document]) -> Iterator[str]:
    """The transitions on every ladder that is named, in order; with an empty list: none on any."""
    if not expected:
        if made:
            yield f"{scenario.place}: expected no transition, found {'; '.join(map(_told, made))}"
        return
    for subject, ladder in dict.fromkeys((one.subject, one.ladder) for one in expected):
        wanted = [one for one in expected if (one.subject, one.ladder) == (subject, ladder)]
        found = [one for one in made if (_subject_of(one), one["ladder"]) == (subject, ladder)]
        if len(wanted) != len(found):
            told = "; ".join(map(_told, found)) or "none"
            yield f"{wanted[0].place}: {subject} on {ladder}: expected {len(wanted)} transitions, found {told}"
            continue
        for move, document in zip(wanted, found, strict=True):
            yield from _differences(move, document)


def _differences(move: ExpectedMove, document: Document) -> Iterator[str]:
    for key, value in move.fields:
        if key == "cause":
            found = document["cause"]["kind"]
        elif key == "event":
            found = document["cause"].get("event_id")
        elif key == "actions" and isinstance(value, dict):
            found = {name: document["actions"].get(name) for name in value}
        else:
            found = document[key]
        if found != value:
            yield f"{move.place}: {_told(document)}: {key}: expected {_shown(value)}, found {_shown(found)}"


def _subject_of(document: Document) -> str:
    return f"account:{document['account_id']}" if document["subject"] == "account" else str(document["lead"])


def _told(document: Document) -> str:
    return (
        f"{document['ladder']} {document['from']} -> {document['to']} at {document['at']} ({document['cause']['kind']})"
    )


def _why(record: Document, score: str | None = None) -> str:
    """What made the scores, so that a failure explains itself."""
    reasons = [one for one in record["reasons"] if score in (None, one["score"])] or record["reasons"]
    told = ", ".join(f"{one['rule']} {one['points']:+.4g} {one['score']}" for one in reasons)
    return f" (because of {told})" if told else " (nothing counts)"


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:.10g}" if isinstance(value, float) else str(value)

"""The right answers, and the check of what a contender said: only a right one has its figures counted."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

from bench.peers.environments import ROOT, Engine, python_path
from bench.peers.events import Expected
from stream_app.engine.times import format_time

_TOLERANCE = 1e-9
_REPLAY_S = 300


class WrongAnswer(Exception):
    """What is wrong with a contender's output: one line."""


class Answer(Protocol):
    """What is right for a job."""

    @property
    def messages(self) -> int:
        """How many messages there must be."""

    def event_of(self, message: Any) -> str | None:
        """The event that caused a message, or None where it was time."""

    def check(self, messages: list[Any]) -> None:
        """Compare everything that was said. Raises WrongAnswer."""


@dataclass(frozen=True)
class SmallAnswer:
    """The plain loop's crossings: those events, each once, with those scores."""

    expected: Expected

    @property
    def messages(self) -> int:
        """How many leads' scores crossed."""
        return len(self.expected.crossings)

    def event_of(self, message: Any) -> str | None:
        """The event that made it cross."""
        return str(message["event_id"])

    def check(self, messages: list[Any]) -> None:
        """Every crossing, once, with its score."""
        _same((message["event_id"] for message in messages), self.expected.crossings, "crossings")
        _close({m["event_id"]: m["score"] for m in messages}, self.expected.crossings, "the score of event")

    def check_state(self, kept: dict[str, float]) -> None:
        """Every lead's last score, as the changelog has it."""
        _same(kept, self.expected.scores, "leads in the changelog")
        _close(kept, self.expected.scores, "the last score of")


@dataclass(frozen=True)
class ModelAnswer:
    """The transitions of `stream-app replay --order time` over the same events, by id."""

    ids: frozenset[str]

    @property
    def messages(self) -> int:
        """How many transitions."""
        return len(self.ids)

    def event_of(self, message: Any) -> str | None:
        """The event that caused the transition."""
        cause = message["cause"]
        return str(cause["event_id"]) if cause["kind"] == "activity" else None

    def check(self, messages: list[Any]) -> None:
        """Every transition, once."""
        _same((message["id"] for message in messages), self.ids, "transitions")


def replay(events: Path, until: int, engine: Engine) -> ModelAnswer:
    """Score the events of a file offline."""
    out = events.with_name("transitions.ndjson")
    words = ["replay", "--model", "b2b-saas", "--events", str(events), "--order", "time", "--until", format_time(until)]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "stream_app", *words, "--transitions", str(out)],
        env=python_path(engine.path),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_REPLAY_S,
        check=False,
    )
    if done.returncode:
        raise WrongAnswer(f"the replay failed: {done.stderr[-300:]}")
    with out.open("rb") as lines:
        return ModelAnswer(frozenset(orjson.loads(line)["id"] for line in lines))


def _same(found: Iterable[str], wanted: Iterable[str], what: str) -> None:
    seen, counted = Counter(list(found)), Counter(list(wanted))  # a dict's values would be taken for counts
    missing, extra = counted - seen, seen - counted
    if missing or extra:
        some = next(iter(missing or extra))
        raise WrongAnswer(f"{what}: {missing.total()} missing, {extra.total()} too many ({some} is one)")


def _close(found: dict[str, float], wanted: dict[str, float], what: str) -> None:
    for name, score in found.items():
        if abs(score - wanted[name]) > _TOLERANCE * abs(wanted[name]):
            raise WrongAnswer(f"{what} {name} is {score}, not {wanted[name]}")

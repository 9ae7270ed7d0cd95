"""What the live generation and one beside it say of the same leads now: who stands elsewhere, whose score differs, and why.

The rule: only the score records are compared, which is what consumers see; of each lead little more than its stages, scores and
greatest reasons is held in memory.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Final

import msgspec

from stream_app.publishing.generation import Generation
from stream_app.serving.reading import Progress, open_reader
from stream_app.topics import Manifest

_REASONS: Final = 3


class _Reason(msgspec.Struct, frozen=True, gc=False):
    rule: str
    points: float


class _Record(msgspec.Struct, frozen=True):
    scores: dict[str, float]
    stages: dict[str, str]
    reasons: list[_Reason]
    suppressed: bool = False


@dataclass(frozen=True)
class Moved:
    """A lead or account that stands on another stage: its key, the ladder, where it stands in each, and the rules whose points
    differ most."""

    key: str
    ladder: str
    live: str | None
    beside: str | None
    why: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Scores:
    """One score on both sides, over those that have it: count, mean and median, how many are higher and lower beside."""

    count: int
    live_mean: float
    beside_mean: float
    live_median: float
    beside_median: float
    higher: int
    lower: int


@dataclass
class Comparison:
    """See the module. `stages` counts by ladder and stage, live and beside; `moved` are sorted by ladder, stage and key."""

    subjects: int = 0
    only_live: int = 0
    only_beside: int = 0
    same: int = 0
    stages: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    scores: dict[str, Scores] = field(default_factory=dict)
    moved: list[Moved] = field(default_factory=list)


async def compare(
    bootstrap: str, manifest: Manifest, generation: Generation, subject: str, progress: Progress
) -> Comparison:
    """Compare the leads or the accounts (`subject`) as they are now. Raises `KnownError`."""
    base = f"{subject}-scores"
    live = await _records(bootstrap, manifest, base, progress, "live")
    beside = await _records(bootstrap, manifest.beside(generation.number), base, progress, str(generation))
    return compared(live, beside)


async def _records(bootstrap: str, manifest: Manifest, base: str, progress: Progress, what: str) -> dict[str, _Record]:
    decode = msgspec.json.Decoder(_Record).decode
    found: dict[str, _Record] = {}
    async with open_reader(bootstrap, manifest, progress) as reader:
        async for _, records in reader.scan(reader.partitions(base), f"reading {what}"):
            for record in records:
                key = (record.key or b"").decode()
                if record.value is None:
                    found.pop(key, None)
                else:
                    found[key] = decode(record.value)
    return found


def compared(live: Mapping[str, _Record], beside: Mapping[str, _Record]) -> Comparison:
    """The comparison of score records by key."""
    keys = sorted(live.keys() | beside.keys())
    made = Comparison(
        subjects=len(keys),
        only_live=len(live.keys() - beside.keys()),
        only_beside=len(beside.keys() - live.keys()),
    )
    counts: dict[str, Counter[tuple[str, str]]] = {"live": Counter(), "beside": Counter()}
    pairs: dict[str, list[tuple[float, float]]] = {}
    for key in keys:
        one, other = live.get(key), beside.get(key)
        if one is not None:
            counts["live"].update(one.stages.items())
        if other is not None:
            counts["beside"].update(other.stages.items())
        if one is not None and other is not None:
            made.same += one.scores == other.scores and one.stages == other.stages
            for name in one.scores.keys() & other.scores.keys():
                pairs.setdefault(name, []).append((one.scores[name], other.scores[name]))
        made.moved += _moves(key, one, other)
    made.moved.sort(key=lambda move: (move.ladder, move.beside or "", move.live or "", move.key))
    for place in sorted(counts["live"].keys() | counts["beside"].keys()):
        made.stages[place] = counts["live"][place], counts["beside"][place]
    made.scores = {name: _scores(values) for name, values in sorted(pairs.items())}
    return made


def _moves(key: str, live: _Record | None, beside: _Record | None) -> list[Moved]:
    ladders = dict.fromkeys([*(live.stages if live else ()), *(beside.stages if beside else ())])
    found = []
    for ladder in ladders:
        one = live.stages.get(ladder) if live is not None else None
        other = beside.stages.get(ladder) if beside is not None else None
        if one != other:
            found.append(Moved(key, ladder, one, other, _why(live, beside)))
    return found


def _why(live: _Record | None, beside: _Record | None) -> tuple[tuple[str, float], ...]:
    """The rules whose points differ most, among the greatest reasons of each."""
    points: dict[str, float] = {}
    for record, sign in ((live, -1), (beside, 1)):
        for reason in record.reasons if record is not None else ():
            points[reason.rule] = points.get(reason.rule, 0.0) + sign * reason.points
    differing = sorted(
        ((rule, value) for rule, value in points.items() if abs(value) > 1e-9), key=lambda one: -abs(one[1])
    )
    return tuple(differing[:_REASONS])


def _scores(values: list[tuple[float, float]]) -> Scores:
    live, beside = [one for one, _ in values], [other for _, other in values]
    return Scores(
        len(values),
        fmean(live),
        fmean(beside),
        median(live),
        median(beside),
        sum(other > one for one, other in values),
        sum(other < one for one, other in values),
    )

"""A what-if's counts as a document for people and programs: rates, shares, quantiles, histograms."""

from collections.abc import Sequence
from typing import Any

from stream_app.engine.model.diff import diff
from stream_app.engine.model.types import Model
from stream_app.engine.times import DAY, format_time
from stream_app.history.weeks import length_in_weeks, p90_of_weeks, quantile, weeks_between
from stream_app.history.whatif_part import Question
from stream_app.history.whatif_tally import Mover, ScoreTally, StageTally, Tally

SIDES = ("a", "b")
BINS = 20


def summary(old: Model, new: Model, question: Question, tally: Tally) -> dict[str, Any]:
    """All that is told of a what-if."""
    first = max(question.since, tally.first if tally.first is not None else question.until)
    until = max(question.until, first)
    return {
        "a": {"model": old.name, "version": old.version},
        "b": {"model": new.name, "version": new.version},
        "edits": [edit.as_json() for edit in diff(old, new)],
        "ladder": question.ladder,
        "from": format_time(first),
        "until": format_time(until),
        "weeks": round(length_in_weeks(first, until), 2),
        "events": tally.events,
        "refused": _pair(tally.refused),
        "leads": _pair(tally.leads),
        "stages": [
            _stage(name, tally.stages[name], question.by, first, until, new.timezone) for name in question.stages
        ],
        "scores": [_score(name, tally.scores[name]) for name in sorted(tally.scores)],
    }


def _pair(values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(SIDES, values, strict=True))


def _stage(name: str, tally: StageTally, by: Sequence[str], first: int, until: int, timezone: str) -> dict[str, Any]:
    weeks = weeks_between(first, until, timezone)
    arrivals = [{start: row[side] for start, row in tally.weeks.items()} for side in (0, 1)]
    length = length_in_weeks(first, until)
    return {
        "stage": name,
        "leads": _pair(tally.leads),
        "gained": len(tally.gained),
        "lost": len(tally.lost),
        "sooner": tally.sooner,
        "later": tally.later,
        "mean_shift_days": round(tally.shifts / tally.both / DAY, 2) if tally.both else None,
        "arrivals": _pair([sum(counts.values()) for counts in arrivals]),
        "per_week": _pair([round(sum(counts.values()) / length, 2) for counts in arrivals]),
        "p90_week": _pair([p90_of_weeks(weeks, counts) for counts in arrivals]),
        "weeks": [
            {"week": format_time(start), "whole": whole, **_pair([counts.get(start, 0) for counts in arrivals])}
            for start, whole in weeks
        ],
        "by": {fact: _segments(rows) for fact, rows in zip(by, tally.segments, strict=True)},
        "reasons": {"gained": _reasons(tally.gained), "lost": _reasons(tally.lost)},
        "gained_leads": _movers(tally.gained, by),
        "lost_leads": _movers(tally.lost, by),
    }


def _segments(rows: dict[str, list[int]]) -> list[dict[str, Any]]:
    """The values of a segment, those that change most first."""
    ordered = sorted(rows.items(), key=lambda item: (-(item[1][2] + item[1][3]), -max(item[1][:2]), item[0]))
    return [
        {"value": value, "a": row[0], "b": row[1], "gained": row[2], "lost": row[3], "change": row[1] - row[0]}
        for value, row in ordered
    ]


def _reasons(movers: list[Mover]) -> list[dict[str, Any]]:
    """By rule, how many leads it moved and by how much on average; a rule of None: no rule's points differ."""
    found: dict[str | None, tuple[int, float]] = {}
    for mover in sorted(movers, key=_order):
        for rule, points in mover.deltas.items() or [(None, 0.0)]:
            leads, total = found.get(rule, (0, 0.0))
            found[rule] = (leads + 1, total + points)
    ordered = sorted(found.items(), key=lambda item: (-abs(item[1][1]), -item[1][0], item[0] or ""))
    return [{"rule": rule, "leads": leads, "mean_points": round(total / leads, 2)} for rule, (leads, total) in ordered]


def _order(mover: Mover) -> tuple[int, str]:
    return mover.at, mover.lead


def _movers(movers: list[Mover], by: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "lead": mover.lead,
            "at": format_time(mover.at),
            "by": dict(zip(by, mover.values, strict=True)),
            "reasons": [{"rule": rule, "points": points} for rule, points in mover.deltas.items()],
        }
        for mover in sorted(movers, key=_order)
    ]


def _score(name: str, tally: ScoreTally) -> dict[str, Any]:
    sides = [{value: row[side] for value, row in tally.values.items() if row[side]} for side in (0, 1)]
    return {
        "score": name,
        **_pair([_spread(side) for side in sides]),
        "up": tally.up,
        "down": tally.down,
        "mean_change": round(tally.change / tally.both, 2) if tally.both else None,
        "histogram": _histogram(tally.values),
    }


def _spread(counts: dict[int, int]) -> dict[str, Any]:
    """Quantiles and mean in whole points."""
    total = sum(counts.values())
    mean = round(sum(value * many for value, many in counts.items()) / total, 2) if total else None
    return {
        "leads": total,
        "mean": mean,
        "p10": quantile(counts, 0.1),
        "median": quantile(counts, 0.5),
        "p90": quantile(counts, 0.9),
    }


def _histogram(values: dict[int, list[int]]) -> list[dict[str, Any]]:
    """At most some twenty bins of equal width, in whole points; `from` belongs to a bin, `to` does not."""
    if not values:
        return []
    low, high = min(values), max(values)
    width = max(1, -(-(high - low + 1) // BINS))
    start = low - low % width
    rows = [[0, 0] for _ in range((high - start) // width + 1)]
    for value, row in values.items():
        place = rows[(value - start) // width]
        place[0] += row[0]
        place[1] += row[1]
    return [{"from": start + n * width, "to": start + (n + 1) * width, **_pair(row)} for n, row in enumerate(rows)]

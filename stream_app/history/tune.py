"""The threshold that yields what a team can take: the lowest one with which no more leads a week arrive at a stage.

The higher the bar, the fewer arrive. So the interval that holds the answer is cut into a dozen, and all cuts are tried
in one pass over the history (`tune_part`); two or three passes are enough. The answer is replayed once more by itself.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from stream_app.engine.model.types import Model
from stream_app.engine.times import format_time
from stream_app.errors import KnownError
from stream_app.history.past import Past
from stream_app.history.pool import in_parallel
from stream_app.history.progress import Progress
from stream_app.history.tune_bars import Bar, bar_of, values_to_try, with_value
from stream_app.history.tune_part import Arrivals, Trials
from stream_app.history.weeks import length_in_weeks, p90_of_weeks, weeks_between
from stream_app.history.whatif import chosen_ladder, chosen_stages, document_of

CUTS = 12
NEIGHBOURS = 2


@dataclass(slots=True)
class Tuning:
    """What is asked: the model, its history, the stage, and how many leads a week the team can take."""

    model: Model
    past: Past
    stage: str
    per_week: float
    now: int
    jobs: int
    progress: Progress
    ladder: str | None = None
    score: str | None = None
    since: int | None = None
    step: float = 1.0
    _rows: dict[float, dict[str, Any]] = field(default_factory=dict)

    def run(self) -> dict[str, Any]:
        """The answer as a JSON document. `threshold` is None where no threshold keeps arrivals that few.

        Raises `KnownError` where the stage has no threshold, or it is not clear which one is meant.
        """
        if not self.per_week > 0 or not self.step > 0:
            raise KnownError("--per-week and --step are greater than 0")
        ladder = chosen_ladder([self.model], self.ladder)
        (stage,) = chosen_stages([self.model], ladder, [self.stage])
        bar = bar_of(self.model, ladder, stage, self.score)
        values = values_to_try(self.model, bar, self.step)
        found = self._search(ladder, bar, values)
        now = self._rows[bar.value]
        near = self._neighbours(ladder, bar, values, found)
        return {
            "model": {"model": self.model.name, "version": self.model.version},
            "ladder": ladder,
            "stage": stage,
            "score": bar.score,
            "path": bar.path,
            "keys": list(bar.keys),
            "per_week": self.per_week,
            "from": now["from"],
            "until": now["until"],
            "weeks": now["weeks"],
            "now": _row(now),
            "threshold": None if found is None else found["threshold"],
            "answer": None if found is None else _row(found),
            "neighbours": [_row(row) for row in near],
        }

    def _search(self, ladder: str, bar: Bar, values: list[float]) -> dict[str, Any] | None:
        """The lowest threshold that keeps arrivals low enough, confirmed by a replay of its own."""
        low, high = -1, len(values)  # too many arrive at `low`, few enough at `high`
        while high - low > 1:
            places = sorted({low + (high - low) * cut // (CUTS + 1) for cut in range(1, CUTS + 1)} - {low, high})
            rows = self._try(ladder, bar, [values[place] for place in places])
            for place in places:
                row = rows.get(values[place])
                if row is not None and row["mean"] <= self.per_week:
                    high = place
                    break
                low = place
        while high < len(values):
            changed = with_value(self.model, bar, values[high])
            assert changed is not None
            row = self._pass(ladder, bar, [(values[high], changed)])[values[high]]
            if row["mean"] <= self.per_week:
                return row
            high += 1
        return None

    def _neighbours(
        self, ladder: str, bar: Bar, values: list[float], found: dict[str, Any] | None
    ) -> list[dict[str, Any]]:
        """The thresholds next to the answer, itself left out."""
        middle = values.index(found["threshold"]) if found is not None else len(values) - 1
        near = [
            values[place] for place in range(middle - NEIGHBOURS, middle + NEIGHBOURS + 1) if 0 <= place < len(values)
        ]
        rows = self._try(ladder, bar, [value for value in near if value not in self._rows])
        wanted = near if found is None else [value for value in near if value != found["threshold"]]
        return [rows[value] for value in wanted if value in rows]

    def _try(self, ladder: str, bar: Bar, values: list[float]) -> dict[float, dict[str, Any]]:
        """What thresholds give, those that were tried before included; one that makes no valid model gives nothing."""
        models = [(value, with_value(self.model, bar, value)) for value in values if value not in self._rows]
        valid = [(value, model) for value, model in models if model is not None]
        if valid:
            self._rows.update(self._pass(ladder, bar, [(bar.value, self.model), *valid]))
        return self._rows

    def _pass(self, ladder: str, bar: Bar, models: list[tuple[float, Model]]) -> dict[float, dict[str, Any]]:
        past = self.past
        trials = Trials(
            path=past.path,
            models=tuple(document_of(model) for _, model in models),
            ladder=ladder,
            stage=self.stage,
            since=self.since if self.since is not None else -1,
            until=past.until,
            now=self.now,
        )
        setup, parts, total = msgspec.msgpack.encode(trials), past.parts(self.jobs), Arrivals({})
        work = "stream_app.history.tune_part:try_bars"
        for result in in_parallel(work, setup, parts, len(past), self.jobs, self.progress):
            _add(total, msgspec.msgpack.decode(result, type=Arrivals))
        return {value: self._counted(total, place, value) for place, (value, _) in enumerate(models)}

    def _counted(self, total: Arrivals, place: int, value: float) -> dict[str, Any]:
        first = max(self.since or 0, total.first if total.first is not None else self.past.until)
        until = max(self.past.until, first)
        weeks = weeks_between(first, until, self.model.timezone)
        counts = {start: row[place] for start, row in total.weeks.items()}
        length = length_in_weeks(first, until)
        return {
            "threshold": int(value) if float(value).is_integer() else value,
            "mean": round(sum(counts.values()) / length, 2),
            "p90": p90_of_weeks(weeks, counts),
            "by_week": [{"week": format_time(start), "arrivals": counts.get(start, 0)} for start, _ in weeks],
            "from": format_time(first),
            "until": format_time(until),
            "weeks": round(length, 2),
        }


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("threshold", "mean", "p90", "by_week")}


def _add(total: Arrivals, other: Arrivals) -> None:
    for week, row in other.weeks.items():
        known = total.weeks.get(week, [0] * len(row))
        total.weeks[week] = [one + two for one, two in zip(known, row, strict=True)]
    total.first = min((time for time in (total.first, other.first) if time is not None), default=None)

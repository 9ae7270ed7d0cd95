"""What differs between two models, rule by rule and in words; and of each edit, whether it restates every lead or
counts from now on (scoring.md section 9)."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

from stream_app.engine.model.diff_edit import FROM_NOW_ON, NO_EFFECT, RESTATES, Edit, Effect, Part
from stream_app.engine.model.diff_known import Knowledge
from stream_app.engine.model.diff_ladders import ladder_edits
from stream_app.engine.model.diff_rules import rule_edits
from stream_app.engine.model.types import Band, Breadth, Combined, Grade, Group, Model, Ranges, Rollup, Score, Scorecard
from stream_app.engine.model.words import condition_words, machine_words, number_words, points_words, span_words

__all__ = ["Edit", "diff"]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_N = TypeVar("_N", bound=_Named)
_Words = Callable[[Any], dict[str, str]]  # what of a thing can be edited, in words, by the key in the file

_SETTINGS: Final[dict[str, tuple[Effect, Callable[[Any], str], str]]] = {
    "name": (FROM_NOW_ON, str, "transitions carry the new name, and ids of their own"),
    "description": (NO_EFFECT, str, ""),
    "resolution": (FROM_NOW_ON, span_words, "everything is counted anew"),
    "timezone": (FROM_NOW_ON, str, ""),
    "lateness": (FROM_NOW_ON, span_words, ""),
    "max_future_skew": (FROM_NOW_ON, span_words, ""),
    "audience": (NO_EFFECT, str, ""),
}

_USUAL: Final = frozenset({"none", "everybody", "0"})


def diff(old: Model, new: Model) -> list[Edit]:
    """The edits that lead from `old` to `new`; none where both have the same version."""
    if old.version == new.version:
        return []
    edits = [*_settings(old, new), *_machines(old, new)]
    edits += _card_edits("lead", old, old.lead, new, new.lead)
    edits += _card_edits("account", old, old.account, new, new.account)
    return edits or [Edit("model", "model", new.name, "form", "as it was", "another order or spelling", NO_EFFECT)]


def _settings(old: Model, new: Model) -> Iterator[Edit]:
    for name, (effect, words, note) in _SETTINGS.items():
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            field = "model" if name == "name" else name
            yield Edit("model", "model", "", field, words(was) or "none", words(now) or "none", effect, note)


def _machines(old: Model, new: Model) -> Iterator[Edit]:
    before, after = {rule.id: rule for rule in old.machines}, {rule.id: rule for rule in new.machines}
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        told = [None if rule is None else machine_words(rule) for rule in (was, now)]
        if told[0] == told[1]:
            yield Edit("model", "machine rule", name, "description", _text(was), _text(now), NO_EFFECT)
        else:
            field = "" if None in told else "takes"
            yield Edit("model", "machine rule", name, field, told[0], told[1], FROM_NOW_ON)


def _text(rule: Any) -> str:
    return rule.description or "none"


def _card_edits(part: Part, old: Model, old_card: Scorecard, new: Model, new_card: Scorecard) -> Iterator[Edit]:
    knowledge = Knowledge(old, old_card, new, new_card)
    yield from _named(part, "score", old_card.scores, new_card.scores, _score)
    yield from _named(part, "combined score", old_card.combined, new_card.combined, _combined)
    yield from _named(part, "grade", old_card.grades, new_card.grades, _grade)
    yield from _named(part, "band", old_card.bands, new_card.bands, _band)
    yield from _named(part, "group", old_card.groups, new_card.groups, _group)
    yield from rule_edits(part, old_card.rules, new_card.rules, knowledge)
    yield from ladder_edits(part, old_card.ladders, new_card.ladders, knowledge)


def _named(part: Part, kind: str, old: Sequence[_N], new: Sequence[_N], words: _Words) -> Iterator[Edit]:
    """Edits of things that are only looked at when a score is computed: they all restate."""
    before, after = {one.name: one for one in old}, {one.name: one for one in new}
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name), after.get(name)
        if was is None or now is None:
            told = [_whole(words(one)) for one in (was, now) if one is not None]
            yield Edit(part, kind, name, "", told[0] if was else None, told[0] if now else None, RESTATES)
        elif was != now:
            earlier, later = words(was), words(now)
            for key in earlier:
                if earlier[key] != later[key]:
                    yield Edit(part, kind, name, key, earlier[key], later[key], RESTATES)


def _whole(words: dict[str, str]) -> str:
    """A thing that was added or removed: what of it is not as it is where nothing is said."""
    return "; ".join(f"{key} {text}" for key, text in words.items() if text not in _USUAL) or "nothing special"


def _score(score: Score) -> dict[str, str]:
    return {
        "clamp": _clamp(score.low, score.high),
        "base": number_words(score.base),
        "precision": str(score.precision),
        "applies_to": _where(score.applies_to),
        "rollup": _rollup(score.rollup),
        "breadth": _breadth(score.breadth),
    }


def _combined(one: Combined) -> dict[str, str]:
    return {
        "weights": " + ".join(f"{number_words(weight)} × {name}" for name, weight in one.weights),
        "clamp": _clamp(one.low, one.high),
        "precision": str(one.precision),
        "applies_to": _where(one.applies_to),
    }


def _grade(grade: Grade) -> dict[str, str]:
    return {"rows": _ranges(grade.rows), "columns": _ranges(grade.columns)}


def _band(band: Band) -> dict[str, str]:
    return {"ranges": _ranges(band.ranges)}


def _group(group: Group) -> dict[str, str]:
    return {"score": group.score, "clamp": _clamp(group.low, group.high)}


def _ranges(ranges: Ranges) -> str:
    return f"{ranges.score}: " + ", ".join(f"{name} from {number_words(bound)}" for name, bound in ranges.bounds)


def _clamp(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return "none"
    least = "-∞" if low is None else number_words(low)
    return f"{least} to {'∞' if high is None else number_words(high)}"


def _where(condition: Any) -> str:
    return "everybody" if condition is None else condition_words(condition)


def _rollup(rollup: Rollup | None) -> str:
    if rollup is None:
        return "none"
    how = {"top": f"top {rollup.top}", "diminishing": f"diminishing {number_words(rollup.factor)}"}
    most = f", at most {number_words(rollup.per_member)} a member" if rollup.per_member is not None else ""
    return f"{how.get(rollup.method, rollup.method)} of members' {rollup.score}{most}"


def _breadth(breadth: Breadth | None) -> str:
    if breadth is None:
        return "none"
    tiers = ", ".join(f"{points_words(points)} from {count}" for count, points in breadth.points)
    return f"{tiers} different {breadth.fact} among members from {number_words(breadth.min_score)} on"

"""A vendor's fields, each from a source of the change or constant: read from the configuration, applied to a change. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stream_app.connectors.contract import Change, Refused
from stream_app.connectors.sources import NAMED, SIMPLE, EmailOf, Value, split_name, value_of
from stream_app.engine.model.cursor import Cursor
from stream_app.engine.model.problems import listed, shown, suggestion
from stream_app.engine.model.types import Model

_MOST = 200
_STAGE_SOURCES = ("from", "to")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the vendor's record. Without `source` it is `constant`.

    `values` translates; a value that it lacks becomes `otherwise` (None: left out) where that is given, else the record
    is parked. `digits` rounds numbers.
    """

    name: str
    source: str | None
    constant: Value = None
    values: Mapping[str, Value] | None = None
    otherwise: Value = None
    has_otherwise: bool = False
    digits: int | None = None

    def of(self, change: Change, email_of: EmailOf) -> Value | Refused:
        """The field's value; None: left out."""
        if self.source is None:
            return self.constant
        value = value_of(change, self.source, email_of)
        if value is None:
            return None
        if self.values is not None:
            word = str(value).lower() if isinstance(value, bool) else str(value)
            if word in self.values:
                return self.values[word]
            if self.has_otherwise:
                return self.otherwise
            return Refused(f"field {self.name}: {self.source} is {shown(value)}, which its values do not name")
        if self.digits is not None and isinstance(value, (int, float)) and not isinstance(value, bool):
            rounded = round(value, self.digits)
            return int(rounded) if self.digits == 0 else rounded
        return value


def apply(fields: Iterable[Field], change: Change, email_of: EmailOf) -> dict[str, Value] | Refused:
    """All fields that the change has a value for."""
    found: dict[str, Value] = {}
    for one in fields:
        value = one.of(change, email_of)
        if isinstance(value, Refused):
            return value
        if value is not None:
            found[one.name] = value
    return found


@dataclass(frozen=True, slots=True)
class Names:
    """What names may follow `scores.`, `stages.` and so on, where a model is given; the stages of each ladder."""

    known: Mapping[str, frozenset[str]] = field(default_factory=dict)
    stages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Model) -> "Names":
        """A model's, those of its accounts included."""
        cards = (model.lead, model.account)
        scores = frozenset(
            [one.name for card in cards for one in card.scores] + [one.name for card in cards for one in card.combined]
        )
        stages = {
            ladder.name: tuple(stage.name for stage in ladder.stages) for card in cards for ladder in card.ladders
        }
        return cls(
            {
                "scores": scores,
                "scores.before": scores,
                "grades": frozenset(one.name for card in cards for one in card.grades),
                "bands": frozenset(one.name for card in cards for one in card.bands),
                "stages": frozenset(stages),
            },
            stages,
        )


def read_fields(at: Cursor, names: Names, pattern: re.Pattern[str], what: str) -> tuple[Field, ...]:
    """The `fields` of a configuration; `pattern` is what the vendor lets a field be called, `what` says it in words."""
    found = []
    for name, one in at.entries("fields: a mapping from the vendor's names to sources", _MOST):
        if pattern.fullmatch(name) is None:
            at.key_problem(name, f"{shown(name)} can't be a field: expected {what}")
        found.append(_read_field(name, one, names))
    return tuple(found)


def _read_field(name: str, at: Cursor, names: Names) -> Field:
    if isinstance(at.node.value, str):
        return Field(name, _source(at, names))
    if not at.keys(
        ("from", "values", "otherwise", "round", "constant"), "a source, or a mapping with from or constant"
    ):
        return Field(name, None)
    constant = at.get("constant")
    if constant is not None:
        for key in ("from", "values", "otherwise", "round"):
            if at.has(key):
                at.key_problem(key, "a constant has no source to take it from")
        return Field(name, None, _value(constant))
    source_at = at.need("from", "the name of a source, or constant")
    source = _source(source_at, names) if source_at is not None else "id"
    digits, otherwise = at.get("round"), at.get("otherwise")
    return Field(
        name,
        source,
        values=_values(at, source, names),
        otherwise=_value(otherwise) if otherwise is not None else None,
        has_otherwise=otherwise is not None,
        digits=digits.integer("digits", 0, 6) if digits is not None else None,
    )


def _values(at: Cursor, source: str, names: Names) -> Mapping[str, Value] | None:
    values = at.get("values")
    if values is None:
        return None
    found = {word: _value(one) for word, one in values.entries("values: a mapping from ours to the vendor's", _MOST)}
    stages = _stages_of(source, names)
    for word in found:
        if stages and word not in stages:
            values.key_problem(word, f"there is no stage {shown(word)}{suggestion(word, stages)}; {listed(stages)}")
    if source.startswith("stages.") and not at.has("otherwise"):
        if missing := [stage for stage in stages if stage not in found]:
            values.problem(f"no value for {listed(missing, 'and')}: name it, or say otherwise")
    return found


def _stages_of(source: str, names: Names) -> tuple[str, ...]:
    if source in _STAGE_SOURCES:
        return tuple(dict.fromkeys(stage for stages in names.stages.values() for stage in stages))
    return names.stages.get(source.removeprefix("stages."), ()) if source.startswith("stages.") else ()


def _source(at: Cursor, names: Names) -> str:
    source = at.text("the name of a source")
    if source in SIMPLE or not source:
        return source
    named = split_name(source)
    if named is None:
        possible = [*SIMPLE, *(f"{head}.NAME" for head in NAMED)]
        at.problem(f"unknown source {shown(source)}{suggestion(source, possible)}; there are {listed(possible, 'and')}")
        return "id"
    head, name = named
    known = names.known.get(head)
    if known is not None and name not in known:
        at.problem(f"the model has no {head}.{name}{suggestion(name, known)}; {_there_are(head, known)}")
    return source


def _there_are(head: str, known: Iterable[str]) -> str:
    options = sorted(known)
    return f"there are {listed([f'{head}.{name}' for name in options], 'and')}" if options else f"it has no {head}"


def _value(at: Cursor) -> Value:
    value = at.node.value
    if isinstance(value, (dict, list)):
        at.expected("a text, a number, true, false or null")
        return None
    return value

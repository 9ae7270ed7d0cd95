"""Which changes a connector sends. Pure."""

from dataclasses import dataclass, replace

from stream_app.connectors.contract import Change, Kind
from stream_app.connectors.fields import Names
from stream_app.engine.model.cursor import Cursor

_MOST = 100


@dataclass(frozen=True, slots=True)
class Filters:
    """What is wanted; an empty set means any. `drift` is seconds between a lead's scores, None: scores are not sent."""

    transitions: bool = True
    erased: bool = True
    drift: float | None = None
    ladders: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    directions: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset({"lead"})
    restated: bool = True
    suppressed: bool = False

    def unwanted(self, change: Change) -> str | None:
        """Why a change is not sent, in a word to count it by; None: it is."""
        document = change.document
        if change.kind is Kind.erased:
            return None if self.erased else "erased"
        if change.subject not in self.subjects:
            return "subject"
        if not self.suppressed and document.get("suppressed") is True:
            return "suppressed"
        if change.kind is Kind.score:
            return None if self.drift is not None else "score"
        if not self.transitions:
            return "transition"
        if not self.restated and document.get("restated") is True:
            return "restated"
        for name, wanted in (("ladder", self.ladders), ("to", self.stages), ("direction", self.directions)):
            if wanted and document.get(name) not in wanted:
                return name
        return None


def read_filters(at: Cursor | None, names: Names) -> Filters:
    """The `send` of a configuration."""
    if at is None or not at.keys(("transitions", "scores", "erased", "subjects", "suppressed"), "a mapping"):
        return Filters()
    erased, subjects, suppressed = at.get("erased"), at.get("subjects"), at.get("suppressed")
    scores, transitions = at.get("scores"), at.get("transitions")
    drift = None
    if scores is not None and scores.node.value is not False and scores.keys(("every",), "every: 15m, or false"):
        every = scores.need("every", "a duration such as 15m")
        drift = every.duration("a duration", 0) / 1000 if every is not None else 0.0
    base = Filters(
        drift=drift,
        erased=erased.boolean() if erased is not None else True,
        suppressed=suppressed.boolean() if suppressed is not None else False,
        subjects=_words(subjects, ("lead", "account")) if subjects is not None else frozenset({"lead"}),
    )
    if transitions is None or isinstance(transitions.node.value, bool):
        return replace(base, transitions=transitions is None or transitions.node.value is True)
    transitions.keys(("ladders", "to", "directions", "restated"), "true, false, or a mapping")
    ladders, to, directions = (transitions.get(name) for name in ("ladders", "to", "directions"))
    restated = transitions.get("restated")
    stages = tuple(dict.fromkeys(stage for found in names.stages.values() for stage in found))
    return replace(
        base,
        ladders=_words(ladders, tuple(names.stages)) if ladders is not None else frozenset(),
        stages=_words(to, stages) if to is not None else frozenset(),
        directions=_words(directions, ("up", "down")) if directions is not None else frozenset(),
        restated=restated.boolean() if restated is not None else True,
    )


def _words(at: Cursor, known: tuple[str, ...]) -> frozenset[str]:
    """A list of names; any where none are known."""
    items = at.items("a list of names", _MOST)
    return frozenset(item.choice(known, "one of") if known else item.name("a name") for item in items)

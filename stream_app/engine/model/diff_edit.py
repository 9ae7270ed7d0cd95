"""One edit of a model, and what it does to leads that are already scored (scoring.md section 9)."""

from dataclasses import dataclass
from typing import Any, Final, Literal

Effect = Literal["restates", "from_now_on", "none"]
Part = Literal["model", "lead", "account"]

RESTATES: Final[Effect] = "restates"
FROM_NOW_ON: Final[Effect] = "from_now_on"
NO_EFFECT: Final[Effect] = "none"

EFFECT_WORDS: Final[dict[Effect, str]] = {
    "restates": "restates every lead",
    "from_now_on": "counts from now on",
    "none": "changes no score",
}


@dataclass(frozen=True, slots=True)
class Edit:
    """What differs between two models in one place.

    `field` is the key in the model's file, "" where the whole thing was added or removed. `before` and `after` are in
    words, None where there was or is nothing. `note` says what of an edit's effect the running system can't give, or
    gives beyond what is promised.
    """

    part: Part
    kind: str  # `rule`, `score`, `stage`, ...
    name: str
    field: str
    before: str | None
    after: str | None
    effect: Effect
    note: str = ""

    @property
    def subject(self) -> str:
        """What was edited: `rule pricing_page`, `account score total`."""
        prefix = "account " if self.part == "account" else ""
        return f"{prefix}{self.kind} {self.name}".rstrip()

    @property
    def words(self) -> str:
        """What was edited and how, in one line."""
        where = f"{self.subject}, {self.field}" if self.field else self.subject
        if self.before is None:
            return f"{where} added: {self.after}"
        if self.after is None:
            return f"{where} removed: {self.before}"
        return f"{where}: {self.before} → {self.after}"

    def as_json(self) -> dict[str, Any]:
        """The edit as `--json` prints it."""
        return {
            "part": self.part,
            "kind": self.kind,
            "name": self.name,
            "field": self.field,
            "before": self.before,
            "after": self.after,
            "effect": self.effect,
            "note": self.note,
            "words": self.words,
        }

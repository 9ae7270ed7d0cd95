"""A scoring model in its frozen, validated form (scoring.md sections 1-8, model.example.yaml).

Durations are milliseconds. Everything is immutable and hashable by identity; nothing here knows files or YAML.
"""

from dataclasses import dataclass, field
from typing import Literal

Operand = str | int | float | bool | None | tuple["Operand", ...]
Period = Literal["hour", "day", "week", "month", "ever"]


@dataclass(frozen=True, slots=True)
class Test:
    """What one field is held against: every `(operator, operand)` must hold. Text is folded unless `case`."""

    checks: tuple[tuple[str, Operand], ...]
    case: bool = False


@dataclass(frozen=True, slots=True)
class FieldIs:
    """One field of an activity's properties, or one fact, passes a test."""

    name: str
    test: Test


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; an empty one always does."""

    parts: tuple["LadderCondition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple["LadderCondition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "LadderCondition"


@dataclass(frozen=True, slots=True)
class ScoreIs:
    """A score, unrounded, passes a test. `account.NAME` is a score of the lead's account."""

    name: str
    test: Test


@dataclass(frozen=True, slots=True)
class GradeIs:
    """A grade's cell passes a test."""

    name: str
    test: Test


@dataclass(frozen=True, slots=True)
class BandIs:
    """A band's name passes a test."""

    name: str
    test: Test


@dataclass(frozen=True, slots=True)
class Signal:
    """An activity that `on` chooses has an age below `within`."""

    on: "Selector"
    within: int


# A condition on properties or facts uses only All, AnyOf, Not and FieldIs; one of a ladder uses all of them.
Condition = All | AnyOf | Not | FieldIs
LadderCondition = All | AnyOf | Not | FieldIs | ScoreIs | GradeIs | BandIs | Signal


@dataclass(frozen=True, slots=True)
class Selector:
    """Chooses activities; `None` means any."""

    channels: frozenset[str] | None = None
    types: frozenset[str] | None = None
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class Sweep:
    """`links` different links (a property) of one mail (another) within `within` milliseconds."""

    mail: str
    link: str
    links: int
    within: int


@dataclass(frozen=True, slots=True)
class MachineRule:
    """Says which activities are machines': all that `on` chooses; of these, those whose property `scanner` names a known
    scanner; or those that are part of a sweep."""

    id: str
    on: Selector
    scanner: str | None = None
    sweep: Sweep | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """Inside each calendar period only the `times` earliest activities count."""

    times: int
    per: Period


@dataclass(frozen=True, slots=True)
class Decay:
    """The factor of an activity by its age. `span` is the half-life, the linear end or the expiry."""

    kind: Literal["none", "half_life", "linear", "expire", "steps"] = "none"
    span: int = 0
    steps: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBase:
    """What every rule has."""

    id: str
    score: str
    group: str | None = None
    cls: str | None = None  # `class` in the file
    stage: str | None = None
    weight: float = 1.0
    description: str | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityRule(RuleBase):
    on: Selector
    points: float
    limit: Limit | None = None
    decay: Decay = Decay()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityRule(RuleBase):
    on: Selector
    each: float
    field: str
    max: float | None = None
    limit: Limit | None = None
    decay: Decay = Decay()


@dataclass(frozen=True, slots=True, kw_only=True)
class FrequencyRule(RuleBase):
    on: Selector
    window: int
    tiers: tuple[tuple[int, float], ...]  # ascending


@dataclass(frozen=True, slots=True, kw_only=True)
class DistinctRule(RuleBase):
    on: Selector
    of: str
    window: int
    tiers: tuple[tuple[int, float], ...]  # ascending


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteRule(RuleBase):
    on: Selector
    of: str
    values: tuple[str | int | float | bool, ...]
    window: int
    points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioRule(RuleBase):
    numerator: Selector
    denominator: Selector
    window: int
    min: int
    tiers: tuple[tuple[float, float], ...]  # ascending


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRule(RuleBase):
    when: Condition
    points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PerUnitRule(RuleBase):
    fact: str
    each: float
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InactivityRule(RuleBase):
    on: Selector
    after: tuple[tuple[int, float], ...]  # ascending by age


Rule = (
    ActivityRule
    | QuantityRule
    | FrequencyRule
    | DistinctRule
    | CompleteRule
    | RatioRule
    | FactRule
    | PerUnitRule
    | InactivityRule
)


@dataclass(frozen=True, slots=True)
class Rollup:
    """How members' published scores make up an account's score (section 8)."""

    score: str
    method: Literal["sum", "max", "top", "diminishing"]
    top: int = 0
    factor: float = 1.0
    per_member: float | None = None


@dataclass(frozen=True, slots=True)
class Breadth:
    """Points by the number of distinct values of a fact among members whose score is high enough."""

    fact: str
    min_score: float
    points: tuple[tuple[int, float], ...]  # ascending


@dataclass(frozen=True, slots=True)
class Score:
    """A score that rules feed."""

    name: str
    low: float | None = None
    high: float | None = None
    base: float = 0.0
    precision: int = 0
    applies_to: Condition | None = None
    rollup: Rollup | None = None
    breadth: Breadth | None = None


@dataclass(frozen=True, slots=True)
class Combined:
    """A weighted sum of other scores' clamped values, then clamped. A part may be `account.NAME`."""

    name: str
    weights: tuple[tuple[str, float], ...]
    low: float | None = None
    high: float | None = None
    precision: int = 0
    applies_to: Condition | None = None


@dataclass(frozen=True, slots=True)
class Ranges:
    """Names by the lower bound they start at, highest first."""

    score: str
    bounds: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Grade:
    name: str
    rows: Ranges
    columns: Ranges


@dataclass(frozen=True, slots=True)
class Band:
    name: str
    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Group:
    """Rules of one score whose contributions are summed, then clamped."""

    name: str
    score: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a ladder. `hold` is never None once loaded except where neither `enter` nor `hold` was given
    (it then always holds): an absent `hold` has been filled with `enter`."""

    name: str
    enter: LadderCondition | None = None
    hold: LadderCondition | None = None
    min_dwell: int = 0
    cooldown: int = 0
    sticky: bool = False
    blocked_by: LadderCondition | None = None
    route: str | None = None
    actions: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Ladder:
    name: str
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Scorecard:
    """What a lead, or an account, is scored by."""

    scores: tuple[Score, ...] = ()
    combined: tuple[Combined, ...] = ()  # in an order in which each comes after its parts
    grades: tuple[Grade, ...] = ()
    bands: tuple[Band, ...] = ()
    groups: tuple[Group, ...] = ()
    rules: tuple[Rule, ...] = ()
    ladders: tuple[Ladder, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """A whole model; `version` is the SHA-256 (hex) of its canonical JSON (RFC 8785)."""

    name: str  # `model` in the file
    version: str
    lead: Scorecard
    account: Scorecard
    description: str = ""
    resolution: int = 3_600_000
    timezone: str = "UTC"
    lateness: int = 30 * 86_400_000
    max_future_skew: int = 300_000
    audience: Literal["business", "consumer"] = "business"
    machines: tuple[MachineRule, ...] = ()
    document: dict[str, object] = field(default_factory=dict, repr=False, compare=False)  # the JSON it was made from

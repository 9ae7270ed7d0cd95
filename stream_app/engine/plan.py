"""A scorecard compiled once: trackers, rules, and where every score gets its parts (scoring.md sections 3 and 4).

A `Plan` is frozen once made and shared by all subjects. Positions in its lists are its vocabulary: contributions are a
list by rule, scores a list by score (the model's scores first, then the combined ones).
"""

import hashlib
from collections.abc import Callable

from stream_app.engine.calendar import Calendar
from stream_app.engine.conditions import Matcher, compile_condition, compile_where, selector_keys
from stream_app.engine.decay import DecayTable
from stream_app.engine.ladder_conditions import CompiledLadder, LadderCompiler
from stream_app.engine.machines import MachineRules, compile_machines
from stream_app.engine.model.types import (
    ActivityRule,
    Combined,
    CompleteRule,
    DistinctRule,
    FactRule,
    FrequencyRule,
    InactivityRule,
    Limit,
    Model,
    PerUnitRule,
    QuantityRule,
    RatioRule,
    Rule,
    Score,
    Scorecard,
    Selector,
)
from stream_app.engine.rules.base import CompiledRule
from stream_app.engine.rules.facts import HoldsRule, PerUnitOfFact
from stream_app.engine.rules.silence import SilenceRule
from stream_app.engine.rules.sums import SumRule
from stream_app.engine.rules.windows import CompletedRule, ShareRule, TieredRule, units_in
from stream_app.engine.trackers.base import LastTracker, Tracker
from stream_app.engine.trackers.earliest import EarliestTracker
from stream_app.engine.trackers.latest import LatestTracker, distinct_value
from stream_app.engine.trackers.series import AmountTracker, SeriesTracker


class GroupPlan:
    """The positions of a group's rules in one score, and the group's clamp."""

    def __init__(self, name: str, low: float | None, high: float | None, rules: list[int]) -> None:
        self.name = name
        self.low = low
        self.high = high
        self.rules = rules


class ScorePlan:
    """One score that rules feed: the positions of its ungrouped rules, and its groups."""

    def __init__(self, score: Score, rules: list[int], groups: list[GroupPlan]) -> None:
        self.name = score.name
        self.base = float(score.base)
        self.low = score.low
        self.high = score.high
        self.precision = score.precision
        self.rules = rules
        self.groups = groups
        self.applies_to: Matcher | None = None if score.applies_to is None else compile_condition(score.applies_to)


class CombinedPlan:
    """One combined score: of each part the position (-1 for an account's score), its name in the view, the weight."""

    def __init__(self, combined: Combined, position: dict[str, int]) -> None:
        self.name = combined.name
        self.parts: list[tuple[int, str, float]] = [
            (position.get(name, -1), name, float(weight)) for name, weight in combined.weights
        ]
        self.low = combined.low
        self.high = combined.high
        self.precision = combined.precision
        self.applies_to: Matcher | None = (
            None if combined.applies_to is None else compile_condition(combined.applies_to)
        )


class Probe:
    """A distinct `where` under one (channel, type), and the trackers that count what it lets through."""

    def __init__(self, where: Matcher | None) -> None:
        self.where = where
        self.trackers: list[int] = []


class Plan:
    """What a subject is scored by, compiled from a scorecard."""

    def __init__(self, model: Model, card: Scorecard) -> None:
        self.model_name = model.name
        self.version = model.version
        self.named: dict[str, str] = {"id": model.name, "version": model.version}  # the model as records name it
        self.tag = bytes.fromhex(model.version[:8])  # tells versions apart in a state
        self.resolution = model.resolution
        self.lateness = model.lateness
        self.machines: MachineRules | None = compile_machines(model.machines)
        # How long after an activity another may still come that tells what it was (more than the lateness: a sweep).
        self.held_for: int = model.lateness + (0 if self.machines is None else max(self.machines.longest, 0))
        self.card = card
        self.trackers: list[Tracker] = []
        self.tracker_at: dict[int, int] = {}
        self.probes: dict[tuple[str | None, str | None], list[Probe]] = {}
        self.rules_of: list[list[int]] = []  # by tracker: the rules that read it
        self._probe_of: dict[tuple[str | None, str | None, str], Probe] = {}
        self._matching: dict[tuple[str | None, str | None], list[Probe]] = {}
        builder = _Builder(model, self)
        self.rules: list[CompiledRule] = [builder.rule(index, rule) for index, rule in enumerate(card.rules)]
        self.fact_rules: list[int] = [i for i, rule in enumerate(self.rules) if rule.on_facts]
        self.timed_rules: list[int] = [i for i, rule in enumerate(self.rules) if rule.timed]
        self.scores: list[ScorePlan] = _plan_scores(card)
        names = [score.name for score in card.scores] + [combined.name for combined in card.combined]
        self.position: dict[str, int] = {name: index for index, name in enumerate(names)}
        self.score_names: list[str] = names
        self.precisions: list[int] = [s.precision for s in card.scores] + [
            combined.precision for combined in card.combined
        ]
        self.combined: list[CombinedPlan] = [CombinedPlan(combined, self.position) for combined in card.combined]
        self.empty: list[float | None] | None = None  # the scores of a subject of which nothing is known, once computed
        # Whether a combined score can grow as one of its parts falls.
        self.mixed: bool = any(weight < 0 for combined in self.combined for _, _, weight in combined.parts)
        self.uses_account_scores: bool = names_account_scores(model)
        compiler = LadderCompiler(self.position, builder.signal, model.resolution)
        self.grades = compiler.grades(card)
        self.bands = compiler.bands(card)
        self.ladders: list[CompiledLadder] = compiler.ladders(card)
        self.signal_trackers: frozenset[int] = frozenset(builder.signals)
        # After so many units without an event nothing changes any more.
        self.horizon: int = max([rule.horizon for rule in self.rules] + [compiler.longest_signal], default=0) + 1

    def matching(self, channel: str | None, kind: str) -> list[Probe]:
        """The probes an activity of this channel and type must be held against (cached by the pair)."""
        found = self._matching.get((channel, kind))
        if found is None:
            found = []
            keys = {(channel, kind), (None, kind), (channel, None), (None, None)}
            for key in keys:
                found.extend(self.probes.get(key, ()))
            if len(self._matching) < _MATCHING_LIMIT:
                self._matching[channel, kind] = found
        return found

    def index_tracker(self, position: int, selector: Selector) -> None:
        """Let the activities that `selector` chooses reach the tracker at `position`."""
        shape = repr(selector.where)
        for channel, kind in selector_keys(selector):
            probe = self._probe_of.get((channel, kind, shape))
            if probe is None:
                probe = self._probe_of[channel, kind, shape] = Probe(compile_where(selector))
                self.probes.setdefault((channel, kind), []).append(probe)
            probe.trackers.append(position)


_MATCHING_LIMIT = 10_000  # types come from producers: don't remember more pairs than this


class _Builder:
    """Makes rules and the trackers they share."""

    def __init__(self, model: Model, plan: Plan) -> None:
        self.model = model
        self.plan = plan
        self.signals: set[int] = set()

    def rule(self, index: int, rule: Rule) -> CompiledRule:
        compiled, trackers = self._compile(rule)
        for tracker in trackers:
            if index not in self.plan.rules_of[tracker]:
                self.plan.rules_of[tracker].append(index)
        return compiled

    def _compile(self, rule: Rule) -> tuple[CompiledRule, list[int]]:
        resolution = self.model.resolution
        match rule:
            case FactRule():
                return HoldsRule(rule, compile_condition(rule.when)), []
            case PerUnitRule():
                return PerUnitOfFact(rule), []
            case InactivityRule():
                last = self.signal(rule.on, watched=False)
                return SilenceRule(rule, last, resolution), [last.position]
            case ActivityRule() | QuantityRule():
                summed = self._sum_tracker(rule)
                return SumRule(rule, summed, resolution), [summed.position]
            case FrequencyRule():
                counted = self._series(rule.on, units_in(rule.window, resolution))
                return TieredRule(rule, counted, resolution), [counted.position]
            case RatioRule():
                window = units_in(rule.window, resolution)
                above, below = self._series(rule.numerator, window), self._series(rule.denominator, window)
                return ShareRule(rule, above, below, resolution), [above.position, below.position]
            case DistinctRule():
                values = self._latest(rule.on, rule.of, rule.window, max((n for n, _ in rule.tiers), default=1), None)
                return TieredRule(rule, values, resolution), [values.position]
            case CompleteRule():
                wanted = frozenset(filter(None, map(distinct_value, rule.values)))
                found = self._latest(rule.on, rule.of, rule.window, len(wanted), wanted)
                return CompletedRule(rule, wanted, found, resolution), [found.position]

    def signal(self, selector: Selector, watched: bool = True) -> Tracker:
        """The tracker of when a selector last matched; `watched` ones matter to ladders."""
        tracker = self._tracker(
            "last", selector, (), lambda ident: LastTracker(ident, self.model.resolution, -1), horizon=-1
        )
        if watched:
            self.signals.add(tracker.position)
        return tracker

    def _sum_tracker(self, rule: ActivityRule | QuantityRule) -> Tracker:
        resolution = self.model.resolution
        horizon = DecayTable(rule.decay, resolution).horizon
        field = rule.field if isinstance(rule, QuantityRule) else None
        each, ceiling = (rule.each, rule.max) if isinstance(rule, QuantityRule) else (1.0, None)
        limit = rule.limit
        if limit is not None:
            return self._earliest(rule.on, limit, horizon, field, each, ceiling)
        if field is None:
            return self._series(rule.on, horizon)
        return self._tracker(
            "amount",
            rule.on,
            (field, each, ceiling),
            lambda ident: AmountTracker(ident, resolution, horizon, field, each, ceiling),
            horizon,
        )

    def _earliest(
        self, on: Selector, limit: Limit, horizon: int, field: str | None, each: float, ceiling: float | None
    ) -> Tracker:
        calendar = Calendar(self.model.timezone, limit.per)
        return self._tracker(
            "earliest",
            on,
            (limit.times, limit.per, self.model.timezone, field, each, ceiling),
            lambda ident: EarliestTracker(
                ident, self.model.resolution, horizon, limit.times, calendar, field, each, ceiling
            ),
            horizon,
        )

    def _series(self, on: Selector, horizon: int) -> Tracker:
        return self._tracker(
            "series", on, (), lambda ident: SeriesTracker(ident, self.model.resolution, horizon), horizon
        )

    def _latest(self, on: Selector, of: str, window: int, most: int, values: frozenset[str] | None) -> Tracker:
        resolution = self.model.resolution
        horizon = units_in(window, resolution)
        tracker = self._tracker(
            "latest",
            on,
            (of, sorted(values) if values is not None else None),
            lambda ident: LatestTracker(ident, resolution, horizon, of, most, values),
            horizon,
        )
        assert isinstance(tracker, LatestTracker)
        tracker.most = max(tracker.most, most)
        return tracker

    def _tracker(
        self, kind: str, on: Selector, more: tuple[object, ...], make: Callable[[int], Tracker], horizon: int
    ) -> Tracker:
        """The position of the tracker of this description, made if there is none yet."""
        plan = self.plan
        ident = _identity(kind, on, more, self.model.resolution)
        position = plan.tracker_at.get(ident)
        if position is None:
            position = plan.tracker_at[ident] = len(plan.trackers)
            tracker = make(ident)
            tracker.position = position
            plan.trackers.append(tracker)
            plan.rules_of.append([])
            plan.index_tracker(position, on)
        tracker = plan.trackers[position]
        if tracker.horizon >= 0:
            tracker.horizon = -1 if horizon < 0 else max(tracker.horizon, horizon)
        return tracker


def _identity(kind: str, on: Selector, more: tuple[object, ...], resolution: int) -> int:
    """A 32-bit hash of what is counted: the same in every version of a model that counts the same."""
    channels = sorted(on.channels) if on.channels is not None else None
    types = sorted(on.types) if on.types is not None else None
    text = repr((kind, channels, types, on.where, more, resolution))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


def _plan_scores(card: Scorecard) -> list[ScorePlan]:
    plans = []
    for score in card.scores:
        own = [index for index, rule in enumerate(card.rules) if rule.score == score.name]
        groups = []
        for group in card.groups:
            members = [index for index in own if card.rules[index].group == group.name]
            if members:
                groups.append(GroupPlan(group.name, group.low, group.high, members))
        plans.append(ScorePlan(score, [index for index in own if card.rules[index].group is None], groups))
    return plans


def names_account_scores(model: Model) -> bool:
    """Whether the leads' part of a model looks at a score of the account, so that its changes concern the members."""
    return bool(account_scores_named(model))


def account_scores_named(model: Model) -> list[str]:
    """The account's scores that the leads' part of a model looks at, by the names it uses (`account.NAME`)."""
    if not model.account.scores:
        return []
    scores = {f"account.{score.name}" for score in model.account.scores}
    scores.update(f"account.{combined.name}" for combined in model.account.combined)
    scores.add("account.score")
    text = repr((model.lead.scores, model.lead.combined, model.lead.rules, model.lead.ladders))
    return sorted(name for name in scores if repr(name) in text)

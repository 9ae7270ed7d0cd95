"""Clocks and stages: advance, evaluate, obey (scoring.md section 6)."""

from __future__ import annotations

import uuid
from typing import Any

from tests.reference.scores import Card, Scorer
from tests.reference.timeline import format_time, parse_duration
from tests.reference.world import Event, Place, Subject, World

Json = dict[str, Any]
Stage = dict[str, Any]


class Stages:
    """Moves leads and accounts along their ladders and writes the transitions down."""

    def __init__(self, world: World, scorer: Scorer) -> None:
        """Stages over a world; `made` holds the transitions in the order made."""
        self.world, self.scorer = world, scorer
        self.made: list[Json] = []

    def ladders(self, subject: Subject) -> dict[str, list[Stage]]:
        """The ladders a lead or an account has."""
        owner = self.world.model if subject.kind == "lead" else self.world.model.get("account") or {}
        return owner.get("ladders") or {}

    def start(self, subject: Subject, clock: int) -> None:
        """The clock starts: the start stages are entered."""
        subject.clock = clock
        for name, stages in self.ladders(subject).items():
            seq = self.world.kept_seq.get((subject.key, name), 0) if subject.kind == "lead" else 0
            subject.places.setdefault(name, Place(stages[0]["stage"], clock, seq=seq))

    def advance(self, subject: Subject, to: int) -> None:
        """Evaluate at each unit boundary and each expiry up to `to`; then the clock is `to`."""
        assert subject.clock is not None
        while (at := self._next(subject)) <= to:
            subject.clock = at
            before = self.scorer.card(subject, at - 1)
            self.evaluate(subject, {"kind": "decay"}, before)
        subject.clock = max(subject.clock, to)

    def _next(self, subject: Subject) -> int:
        assert subject.clock is not None
        unit = self.world.unit_ms
        times = [(subject.clock // unit + 1) * unit]
        for name, stages in self.ladders(subject).items():
            place = subject.places[name]
            for stage in stages:
                if stage["stage"] == place.stage and "min_dwell" in stage:
                    times.append(place.entered + parse_duration(stage["min_dwell"]))
                if stage["stage"] in place.left and "cooldown" in stage:
                    times.append(place.left[stage["stage"]] + parse_duration(stage["cooldown"]))
        return min(at for at in times if at > subject.clock)

    def evaluate(self, subject: Subject, cause: Json, before: Card) -> None:
        """Every ladder at the clock, until nothing moves."""
        for name, stages in self.ladders(subject).items():
            for _ in stages:
                to = self._target(subject, subject.places[name], stages)
                if to is None:
                    break
                self.move(subject, name, to, cause, before)

    def _target(self, subject: Subject, place: Place, stages: list[Stage]) -> str | None:
        clock = subject.clock
        assert clock is not None
        names = [stage["stage"] for stage in stages]
        here = names.index(place.stage)
        current = stages[here]
        if current.get("sticky"):
            return None
        for stage in reversed(stages[here + 1 :]):
            if self._may_enter(subject, place, stage, clock):
                return str(stage["stage"])
        if self._stays(subject, stages, here, clock):
            return None
        if clock < place.entered + parse_duration(current.get("min_dwell", "0m")):
            return None
        below = [i for i in range(here) if self._stays(subject, stages, i, clock)]
        return str(names[below[-1]])

    def _may_enter(self, subject: Subject, place: Place, stage: Stage, clock: int) -> bool:
        if "enter" not in stage or not self.scorer.stage_holds(stage["enter"], subject, clock):
            return False
        if "blocked_by" in stage and self.scorer.stage_holds(stage["blocked_by"], subject, clock):
            return False
        left = place.left.get(stage["stage"])
        return left is None or clock >= left + parse_duration(stage.get("cooldown", "0m"))

    def _stays(self, subject: Subject, stages: list[Stage], index: int, clock: int) -> bool:
        stage = stages[index]
        hold = stage.get("hold", stage.get("enter"))
        return index == 0 or hold is None or self.scorer.stage_holds(hold, subject, clock)

    def obey(self, lead: Subject, event: Event, late: bool, before: Card) -> bool:
        """A `stage_set`; whether it was obeyed."""
        wanted = event.get("properties") or {}
        ladders = self.ladders(lead)
        name = str(wanted.get("ladder") or (next(iter(ladders)) if len(ladders) == 1 else ""))
        stages = {stage["stage"]: stage for stage in ladders.get(name, [])}
        if wanted.get("stage") not in stages:
            return False
        place = lead.places[name]
        if late:
            sticky = stages[place.stage].get("sticky") or stages[wanted["stage"]].get("sticky")
            if place.obeyed is not None and place.obeyed > event["at"]:
                return False
            if not sticky and place.moved is not None and event["at"] < place.moved:
                return False
        place.obeyed = event["at"]
        if wanted["stage"] != place.stage:
            self.move(lead, name, wanted["stage"], {"kind": "crm", "event_id": event["event_id"]}, before)
        return True

    def move(self, subject: Subject, ladder: str, to: str, cause: Json, before: Card) -> None:
        """One move, one transition."""
        clock, place = subject.clock, subject.places[ladder]
        assert clock is not None
        names = [stage["stage"] for stage in self.ladders(subject)[ladder]]
        up = names.index(to) > names.index(place.stage)
        place.left[place.stage] = clock
        came_from, place.stage, place.entered, place.moved = place.stage, to, clock, clock
        place.seq += 1
        is_lead = subject.kind == "lead"
        card = self.scorer.card(subject, clock)
        name = f"{subject.kind}:{subject.key}|{self.world.model['model']}|{ladder}|{place.seq}"
        self.made.append(
            {
                "id": str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
                "subject": subject.kind,
                "lead": subject.key if is_lead else None,
                "account_id": subject.account_id(clock) if is_lead else subject.key,
                "ladder": ladder,
                "from": came_from,
                "to": to,
                "direction": "up" if up else "down",
                "seq": place.seq,
                "at": format_time(clock),
                "cause": dict(cause),
                "scores": {"before": dict(before.raw), "after": dict(card.raw)},
                "grades": dict(card.grades),
                "bands": dict(card.bands),
                "restated": False,
                "suppressed": is_lead and subject.suppressed(clock),
            }
        )

"""Transitions and score records as they leave the system (formats.md)."""

import uuid
from typing import Any

from stream_app.engine.forecast import holds_until
from stream_app.engine.ladder_conditions import Cell
from stream_app.engine.ladders import Move
from stream_app.engine.live import Live
from stream_app.engine.published import Standing, cells, named
from stream_app.engine.times import LATEST, format_time

TOP_REASONS = 5
_NOISE = 5e-10  # what nine decimals do not show


def transition_id(subject: str, key: str, model: str, ladder: str, seq: int) -> str:
    """UUIDv5 of `subject:key|model|ladder|seq` (scoring.md section 6)."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{subject}:{key}|{model}|{ladder}|{seq}"))


def transitions(live: Live, kind: str, account_id: str | None, restated: bool = False) -> list[dict[str, Any]]:
    """The moves that a subject has made since they were last taken, as documents; `kind` is `lead` or `account`."""
    moves, live.moves = live.moves, []
    made = [_transition(live, move, kind, account_id, restated) for move in moves]
    for index in range(len(moves)):
        made[index]["holds_until"] = _holds_until(live, moves, index)
    return made


def _holds_until(live: Live, moves: list[Move], index: int) -> str | None:
    move = moves[index]
    following = next((later for later in moves[index + 1 :] if later.ladder == move.ladder), None)
    if following is not None:
        return format_time(following.at) if not following.up else _holds_until(live, moves, moves.index(following))
    until = holds_until(live, move.ladder)
    return None if until is None or until > LATEST else format_time(until)


def _transition(live: Live, move: Move, kind: str, account_id: str | None, restated: bool) -> dict[str, Any]:
    plan, subject = live.plan, live.subject
    stage = next(ladder for ladder in plan.ladders if ladder.name == move.ladder).by_name[move.target].stage
    after = move.after.scores
    grades, bands = cells(plan, after)
    cause: dict[str, Any] = {"kind": move.cause.kind}
    if move.cause.event_id is not None:
        cause["event_id"] = move.cause.event_id
    if move.cause.reason is not None:
        cause["reason"] = move.cause.reason
    return {
        "id": transition_id(kind, subject.key, plan.model_name, move.ladder, move.seq),
        "subject": kind,
        "lead": subject.key if kind == "lead" else None,
        "account_id": account_id,
        "model": plan.named,
        "ladder": move.ladder,
        "from": move.origin,
        "to": move.target,
        "direction": "up" if move.up else "down",
        "seq": move.seq,
        "at": format_time(move.at),
        "cause": cause,
        "scores": {"before": named(plan, move.before), "after": named(plan, after)},
        "grades": _present(plan.grades, grades),
        "bands": _present(plan.bands, bands),
        "reasons": reasons(live, move.after.contributions, move.after.unit),
        "route": stage.route,
        "actions": dict(stage.actions),
        "holds_until": None,
        "restated": restated,
        "suppressed": subject.mark("suppressed") is True,
    }


def score_record(
    live: Live, kind: str, account_id: str | None, revision: int, standing: Standing | None = None
) -> dict[str, Any]:
    """A lead's or an account's score record at its clock; `standing` saves computing it again."""
    plan, subject, card = live.plan, live.subject, live.card
    stands = standing if standing is not None else Standing(live)
    record: dict[str, Any] = {"lead": subject.key} if kind == "lead" else {"subject": "account"}
    record["account_id"] = account_id
    record["model"] = plan.named
    record["at"] = format_time(subject.clock)
    record["scores"] = named(plan, stands.rounded)
    record["raw"] = named(plan, [None if score is None else float(score) for score in stands.scores])
    record["grades"] = _present(plan.grades, stands.grades)
    record["bands"] = _present(plan.bands, stands.bands)
    names = [ladder.name for ladder in plan.ladders]
    record["stages"] = dict(zip(names, stands.stages, strict=True))
    record["seq"] = {name: subject.ladders[name].seq for name in names}
    record["reasons"] = reasons(live, card.contributions, card.unit)
    record["revision"] = revision
    record["suppressed"] = stands.suppressed
    record["owner"] = stands.owner
    return record


def reasons(live: Live, contributions: list[float], unit: int) -> list[dict[str, Any]]:
    """The contributions greatest in size, the greatest first; ties by the rules' order in the model."""
    plan, subject = live.plan, live.subject
    sizes = [(-abs(value), index) for index, value in enumerate(contributions) if value > _NOISE or value < -_NOISE]
    sizes.sort()
    told: list[dict[str, Any]] = []
    for _, index in sizes[:TOP_REASONS]:
        rule = plan.rules[index]
        last = rule.last_at(subject)
        told.append(
            {
                "rule": rule.id,
                "score": rule.score,
                "points": contributions[index],
                "count": rule.count(subject, unit),
                "last_at": None if last < 0 else format_time(last),
            }
        )
    return told


def _present(what: list[Cell], names: list[str | None]) -> dict[str, str]:
    found: dict[str, str] = {}
    for index, name in enumerate(names):
        if name is not None:
            found[what[index].name] = name
    return found

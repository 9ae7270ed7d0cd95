"""A stored state as JSON, part by part: what the worker keeps of a lead, for whoever has a right to know.

Trackers hold what rules count, by unit of the model's resolution: no visit is kept one by one but under a limit.
"""

import base64
from typing import Any

from stream_app.engine.plan import Plan
from stream_app.engine.state import NEVER, Cell, LadderState, Subject
from stream_app.engine.times import format_time
from stream_app.engine.trackers.data import Buckets, Data, Earliest, Latest

Document = dict[str, Any]


def state_document(plan: Plan, subject: Subject) -> Document:
    """All of a state. `counted` names the rules that read each tracker; what another version of the model counted is
    told as it lies, in Base64."""
    return {
        "key": subject.key,
        "clock": format_time(subject.clock),
        "first_activity": _time(subject.first),
        "latest_event": _time(subject.latest),
        "facts": _cells(subject.facts),
        "marks": _cells(subject.marks),
        "ladders": {name: _ladder(state) for name, state in subject.ladders.items()},
        "counted": [_tracker(plan, position, data) for position, data in enumerate(subject.data) if data is not None],
        "counted_by_other_versions": {
            str(ident): base64.b64encode(packed).decode() for ident, packed in subject.foreign.items()
        },
        "event_ids": {
            "remembered": len(subject.seen),
            "digests": base64.b64encode(bytes(subject.seen.packed)).decode(),
        },
        "account_seen": None
        if subject.account is None
        else dict(zip(("account_id", "view"), subject.account, strict=True)),
        "machines": _machines(subject),
        "links": {key: "alias" if held else "given back" for key, held in sorted(subject.links.items())},
        "conflicts": subject.conflicts,
        "erased_at": _time(subject.erased_at),
        "published": subject.published,
        "revision": subject.revision,
    }


def _machines(subject: Subject) -> Document | None:
    """What machines did, and the clicks held because they may turn out to be a machine's."""
    sifted = subject.sifted
    if sifted is None:
        return None
    held = [
        {"time": format_time(one.time), "event_id": one.event_id, "rule": one.rule or None} for one in sifted.held()
    ]
    return {"counts": dict(sifted.counts), "held": held}


def _cells(cells: dict[str, Cell]) -> Document:
    return {
        name: {"value": value, "time": format_time(at), "event_id": event_id}
        for name, (at, event_id, value) in sorted(cells.items())
    }


def _ladder(state: LadderState) -> Document:
    return {
        "stage": state.stage,
        "entered": format_time(state.entered),
        "seq": state.seq,
        "moved": _time(state.moved),
        "obeyed": _time(state.obeyed),
        "left": {stage: format_time(at) for stage, at in state.left.items()},
    }


def _tracker(plan: Plan, position: int, data: Data) -> Document:
    tracker = plan.trackers[position]
    tracker.of([None] * position + [data])  # opens it
    told: Document = {
        "rules": [plan.rules[index].id for index in plan.rules_of[position]],
        "signal": position in plan.signal_trackers,
        "last": _time(data.last),
    }
    if isinstance(data, Earliest):
        told["activities"] = [
            {"time": format_time(time), "amount": amount} for time, amount in zip(data.times, data.amounts, strict=True)
        ]
        told["left_out"] = data.skipped
    elif isinstance(data, Buckets):
        units = zip(data.units, data.amounts, strict=False)
        told["amounts"] = [{"from": format_time(unit * plan.resolution), "amount": amount} for unit, amount in units]
    elif isinstance(data, Latest):
        told["values"] = {value: format_time(unit * plan.resolution) for value, unit in sorted(data.units.items())}
    return told


def _time(at: int) -> str | None:
    return None if at == NEVER else format_time(at)

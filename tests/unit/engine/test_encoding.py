"""Encoded states: the upgrade path from older formats, refusal of newer ones, and what another model has counted."""

from collections.abc import Callable

import msgspec
import pytest

from stream_app.engine import encoding
from stream_app.engine.encoding import FORMAT, StateError, decode, decode_with_card, encode
from stream_app.engine.plan import Plan
from tests.subjects import Json, activities, event, model_of, new_lead, take

RULE: Json = {
    "id": "r",
    "kind": "activity",
    "score": "s",
    "on": {"type": "view"},
    "points": 2,
    "decay": {"half_life": "9h"},
}


def _plan(**more: object) -> Plan:
    model = model_of({"model": "m", "scores": {"s": {}}, "rules": [{**RULE, **more}]})
    return Plan(model, model.lead)


def _state(plan: Plan) -> bytes:
    lead = new_lead(plan)
    for activity in activities([event("a", "2026-03-01T10:00:00Z"), event("b", "2026-03-01T12:30:00Z")]):
        take(lead, activity)
    return encode(plan, lead.subject, lead.card)


def test_an_older_format_is_brought_up_to_date_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step makes a format the next one; a state of three formats ago goes through three."""
    plan, taken = _plan(), []

    def step(number: int) -> Callable[[bytes], bytes]:
        def upgrade(body: bytes) -> bytes:
            taken.append(number)
            assert body.startswith(b"old" * (newest - number))
            return body[3:]

        return upgrade

    newest = FORMAT + 3
    raw = _state(plan)
    monkeypatch.setattr(encoding, "_UPGRADES", {FORMAT + number: step(FORMAT + number) for number in range(3)})
    monkeypatch.setattr(encoding, "FORMAT", newest)
    old = bytes((FORMAT,)) + b"old" * 3 + raw[1:]
    assert decode(plan, old).latest == decode(plan, bytes((newest,)) + raw[1:]).latest
    assert taken == [FORMAT, FORMAT + 1, FORMAT + 2]


def test_a_state_of_format_1_knew_no_links() -> None:
    """All else is as it was."""
    plan = _plan()
    raw = _state(plan)
    rows = msgspec.msgpack.decode(raw[1:])
    old = decode(plan, b"\x01" + msgspec.msgpack.encode(rows[:15]))
    assert (old.links, old.conflicts, old.erased_at, old.latest) == ({}, 0, -1, decode(plan, raw).latest)
    old.links, old.conflicts, old.erased_at = {"anon:a": True}, 2, 5
    new = decode(plan, encode(plan, old))
    assert (new.links, new.conflicts, new.erased_at) == ({"anon:a": True}, 2, 5)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (bytes((FORMAT + 1,)) + b"x", f"state of format {FORMAT + 1}, which is newer than this program's {FORMAT}"),
        (b"\x00x", "state of format 0, which this program does not read"),
        (b"", "state of format 0"),
        (bytes((FORMAT,)) + b"\xc1", "not the state of a lead or account"),
        (bytes((FORMAT,)) + b"\x93\x01\x02\x03", "not the state of a lead or account"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(raw: bytes, message: str) -> None:
    """A newer format says to upgrade; anything else is no state."""
    with pytest.raises(StateError, match=message.replace("'", ".")):
        decode(_plan(), raw)


def test_every_cut_of_a_state_is_refused() -> None:
    """No prefix of a state passes for one."""
    plan = _plan()
    raw = _state(plan)
    for size in range(len(raw)):
        with pytest.raises(StateError):
            decode(plan, raw[:size])


def test_points_may_change_what_is_counted_stays() -> None:
    """Section 9: a new version finds what an old one counted; the card that was kept is the old version's."""
    old, new = _plan(), _plan(points=5)
    subject, card = decode_with_card(new, _state(old))
    assert card is None
    lead = new_lead(new)
    lead.subject = subject
    lead.forget()
    assert lead.card.scores[0] == pytest.approx(5 * (1 + 0.5 ** (2 / 9)))


def test_what_another_version_counted_is_kept_aside() -> None:
    """A rolled back version finds its counts again, and a selector that changed starts from nothing."""
    old, other = _plan(), _plan(on={"type": "click"})
    there = encode(other, decode(other, _state(old)))
    back = decode(old, there)
    lead = new_lead(old)
    lead.subject = back
    lead.forget()
    assert lead.card.scores[0] == pytest.approx(2 * (1 + 0.5 ** (2 / 9)))
    assert decode(other, there).data == [None]


def test_encoding_forgets_what_counts_no_more() -> None:
    """Buckets past their horizon go; a year of daily views under a decay that ends after two days is as small as a week."""
    plan = _plan(decay={"expire": "2d"})
    lead, sizes = new_lead(plan), []
    for day in range(365):
        time = f"2026-{day // 28 % 12 + 1:02d}-{day % 28 + 1:02d}T10:00:00Z"
        for activity in activities([event(f"e{day}", time)]):
            take(lead, activity)
        sizes.append(len(encode(plan, lead.subject)))
    assert max(sizes[40:]) <= 600

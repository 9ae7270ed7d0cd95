"""Bytes of any kind: a worker refuses them without harm, and what it says, `show` explains and `replay` refuses."""

from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_app.contracts import validator
from stream_app.engine.times import parse_time
from stream_app.ops.letters.drawing import MOST_ROWS
from stream_app.ops.letters.explained import describe, told, verdict_now
from stream_app.ops.letters.fixes import carried, editing
from stream_app.ops.letters.letter import Letter, letter_of
from stream_app.ops.letters.verdict import NotSendableError, judge
from stream_app.worker import messages
from stream_app.worker.links import LEAD, LINKS, MERGED
from tests.pipeline.desk import PRESENT, Desk, event
from tests.pipeline.models import small_model

MODEL = small_model()
SCHEMA = validator("dead-letters.schema.json")
GOOD = event(1, parse_time("2026-03-02T09:20:00Z"), user="ann")
TOPICS = ["web-events", "crm-events", "account-events", "lead-inbox", "account-inbox"]

junk: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([*GOOD, "email", "account_id", "properties", "facts", "channel", "\x1b[2J", "a/b~c", "\u202e"])
nearly = st.builds(lambda changes: GOOD | changes, st.dictionaries(names, junk, min_size=1, max_size=2))
less = st.builds(lambda name: {key: value for key, value in GOOD.items() if key != name}, st.sampled_from([*GOOD]))
documents = (nearly | less | junk).map(msgspec.json.encode)
broken = st.builds(
    lambda raw, at, byte: raw[:at] + byte + raw[at + 1 :], documents, st.integers(0, 80), st.binary(max_size=2)
)
framed = st.builds(lambda raw: b"\0\0\0\0\x07" + raw, documents)
deep = st.builds(lambda n, head: head + b"[" * n + b"]" * n, st.integers(1, 40_000), st.sampled_from([b"", b'{"a":']))
large = st.builds(
    lambda unit, n: unit * n, st.sampled_from([b"x", b"\xff", b"[[],", b"\x1b]0;"]), st.integers(1, 20_000)
)
values = st.none() | st.binary(max_size=40) | documents | broken | framed | deep | large

times = st.sampled_from([-1, 0, 2**40, 2**62, 2**70])
members = st.builds(
    lambda lead, account, at, shares: msgspec.json.encode(
        {"lead": lead, "account_id": account, "at": at, "cause": "fact", "event_id": None, "shares": shares}
    ),
    st.text(max_size=9), st.text(max_size=9), times, st.none() | st.lists(st.tuples(junk, junk, junk), max_size=3),
)  # fmt: skip
accounts = st.builds(
    lambda lead, at, view: msgspec.json.encode(
        {"lead": lead, "account_id": "acme", "at": at, "event_id": None, "view": view}
    ),
    st.sampled_from(["user:ann", ""]), times, st.dictionaries(st.text(max_size=5), junk, max_size=2),
)  # fmt: skip
header = st.tuples(
    st.sampled_from(
        ["content-type", "ce_specversion", "ce_id", "error.code", "__connect.errors.topic", messages.KIND,
         messages.CHANNEL, LEAD, MERGED, "stream-app.hops", "trace"]
    ),
    st.sampled_from(
        [b"application/cloudevents+json", b"1.0", b"\xff", b"", b"event", b"member", b"account", LINKS.encode(), b"crm",
         b"9" * 40, b"user:ann", b"\x90"]
    ) | st.binary(max_size=9),
)  # fmt: skip
headers = st.lists(header, max_size=4)


def letters_of(topic: str, value: bytes | None, stated: list[tuple[str, bytes]]) -> tuple[Desk, list[Letter]]:
    """What becomes of a record, between two good events of its lead."""
    desk = Desk(MODEL)
    desk.send("web-events", GOOD, key="user:ann")
    desk.run()
    desk.send(topic, value, key="user:ann", headers=stated)
    desk.send("web-events", GOOD | {"event_id": "e2"}, key="user:ann", timestamp=1)
    desk.run()
    assert desk.counts()["counted"] >= 2
    return desk, [letter_of(record) for record in desk.records("dead-letters")]


def refused_by_replay(desk: Desk, letter: Letter) -> str:
    """What `replay` says of a letter that is sent as it is; empty if it would go."""
    from stream_app.ingest import Refusal

    try:
        judge(letter, editing([])(letter), desk.manifest, PRESENT)
    except Refusal as refusal:
        return refusal.code
    except NotSendableError:
        return "not_sendable"
    return ""


@given(topic=st.sampled_from(TOPICS), value=values | members | accounts, stated=headers)
@settings(max_examples=500)
@example(topic="web-events", value=b'{"a":' + b"[" * 300 + b"]" * 300 + b"}", stated=[])
@example(topic="account-inbox", value=b"{}", stated=[(messages.KIND, b"member")])
@example(topic="lead-inbox", value=None, stated=[(messages.KIND, b"links")])
def test_a_worker_show_and_replay_say_the_same(
    topic: str, value: bytes | None, stated: list[tuple[str, bytes]]
) -> None:
    """Nothing is dropped silently, nothing stops the worker, and whatever is shown is safe to look at."""
    desk, letters = letters_of(topic, value, stated)
    for letter in letters:
        verdict = verdict_now(letter, desk.manifest, PRESENT)
        assert refused_by_replay(desk, letter) == verdict.code
        if topic == "lead-inbox" and any(name == MERGED for name, _ in stated):
            pass  # what a worker read of the leads that came along is not in the letter: it is nobody's business
        elif verdict.code != "not_sendable":
            assert verdict.code == letter.code
            assert verdict.message.isprintable() <= (verdict.message == letter.message)
        else:
            assert messages.header(letter.headers, messages.KIND) not in (None, "event")
        rows = told(letter, False, verdict)
        assert all(row.text.isprintable() for row in rows)
        assert len(rows) <= MOST_ROWS + 80
        assert max(len(row.text) for row in rows) < 4_000
        assert msgspec.json.encode(describe(letter, False, verdict))
    for record in desk.records("dead-letters"):
        ours = [(name, content) for name, content in record.headers if name.startswith(("__connect", "error."))]
        assert list(SCHEMA.iter_errors({name: content.decode() for name, content in ours})) == []
        assert sum(len(name) + len(content) for name, content in ours) < 5_000


@given(value=values)
@settings(max_examples=300)
def test_a_value_survives_a_file(value: bytes | None) -> None:
    """`list --values` carries bytes of any kind; what is JSON may lose blanks, and nothing else."""
    import base64

    line = msgspec.json.decode(msgspec.json.encode(carried(value)), type=dict[str, msgspec.Raw])
    ((kind, raw),) = line.items()
    if kind == "event":
        assert value is None or msgspec.json.format(value, indent=-1) == bytes(raw)
    elif kind == "text":
        assert msgspec.json.decode(raw, type=str).encode() == value
    else:
        assert base64.b64decode(msgspec.json.decode(raw, type=str)) == value

"""`stream-app dead-letters` on a real broker: what was refused is listed, shown, corrected and sent again, once."""

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from stream_app.contracts import validator
from stream_app.engine.times import HOUR, MINUTE, format_time
from stream_app.ingest import Refusal
from stream_app.streaming.transaction import default_partition
from stream_app.worker import messages
from tests.pipeline.desk import event
from tests.pipeline.letters import GOOD, START, command, finish, refuse, sent_again, start
from tests.pipeline.models import TEXT
from tests.pipeline.system import System

PARTITIONS = 2


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The small model as a file."""
    file = tmp_path / "small.yaml"
    file.write_text(TEXT)
    return file


@pytest.fixture
async def system(broker: str, tmp_path: Path, model: Path) -> System:
    """Topics of our own, no worker."""
    return await System(broker, tmp_path, model, partitions=PARTITIONS).create()


async def test_from_refusal_to_score(system: System) -> None:
    """A worker refuses, a person lists, looks, corrects and sends again, and the lead is scored as if nothing had been.

    The record goes to its own topic and partition, under its key, at its time, with its headers.
    """
    key, place = b"user:ann", default_partition(b"user:ann", PARTITIONS)
    bad: list[bytes | None] = [
        orjson.dumps(GOOD | {"colour": "red"}),
        orjson.dumps({name: value for name, value in GOOD.items() if name != "user_id"} | {"event_id": "e2"}),
        b"\x1b[31mnonsense\x07",
        None,
    ]
    async with AIOKafkaProducer(bootstrap_servers=system.broker) as producer:
        for number, value in enumerate(bad):
            when = START + number * MINUTE
            await producer.send(
                system.topic("web-events"), value, key, place, timestamp_ms=when, headers=[("trace", b"7")]
            )
    with system.worker("a") as worker:
        await worker.ready()
        await system.caught_up(60, worker.said)
        kinds = json.loads((await command(system, "list", "--json"))[0])
        assert {(kind["code"], kind["letters"], kind["replayed"]) for kind in kinds} == {
            ("not_json", 2, 0),
            ("schema", 1, 0),
            ("no_identity", 1, 0),
        }
        assert {kind["topic"] for kind in kinds} == {system.topic("web-events")}
        for record in await system.records("dead-letters"):
            validator("dead-letters.schema.json").validate({name: value.decode() for name, value in record.headers})
        (one,) = (await command(system, "list", "--each", "--reason", "schema"))[0].decode().splitlines()
        where = one.split("\t")[0]
        shown = (await command(system, "show", where))[0].decode()
        lines = shown.splitlines()
        wrong = next(number for number, line in enumerate(lines) if '"colour"' in line)
        assert lines[wrong + 1] == " " * lines[wrong].index('"red"') + "^^^^^ unknown field"
        assert "remedy" in shown and "user:ann" in shown and "trace: 7" in shown
        assert (await command(system, "show", where, "--raw"))[0] == bad[0]
        _, said = await command(system, "replay", "--reason", "schema", "--remove", "/colour")
        assert "web-events: 1 sent again" in said
        _, said = await command(system, "replay", "--all", "--set", "/user_id=ann", code=1)
        assert "1 had been sent again before" in said
        assert "2 are still no events" in said
        await system.caught_up(60, worker.said)
        assert worker.stop() == 0, worker.said()
    again = (await sent_again(system))[len(bad) :]
    assert [(one.partition, one.key, one.timestamp, one.headers[0]) for one in again] == [
        (place, key, START + number * MINUTE, ("trace", b"7")) for number in (0, 1)
    ]
    assert [orjson.loads(one.value) for one in again] == [GOOD, GOOD | {"event_id": "e2"}]
    assert (await system.latest("lead-scores"))["user:ann"]["raw"]["interest"] == 20
    kinds = json.loads((await command(system, "list", "--json", "--pending"))[0])
    assert [(kind["code"], kind["letters"]) for kind in kinds] == [("not_json", 2)]


async def test_a_second_run_sends_nothing(system: System) -> None:
    """However the letters are named: by place, by reason, twice in one command."""
    places = await refuse(system, [orjson.dumps(GOOD | {"colour": number}) for number in range(5)])
    remove = ("--remove", "/colour")
    await command(system, "replay", places[0], places[0], places[1], *remove)
    _, said = await command(system, "replay", "--reason", "schema", *remove)
    assert "3 sent again" in said and "2 had been sent again before" in said
    _, said = await command(system, "replay", *places, *remove)
    assert "5 had been sent again before" in said
    assert len(await sent_again(system)) == 5
    listed = [json.loads(line) for line in (await command(system, "list", "--each", "--json"))[0].splitlines()]
    assert [(one["place"], one["replayed"]) for one in listed] == [(place, True) for place in places]


async def test_a_dry_run_sends_nothing(system: System) -> None:
    """It says what would go, and what would not."""
    await refuse(system, [orjson.dumps(GOOD | {"colour": 1}), b"nonsense"])
    _, said = await command(system, "replay", "--all", "--remove", "/colour", "--dry-run", code=1)
    assert "1 can be sent" in said
    assert "0:1: it is no JSON" in said
    assert await sent_again(system) == []


async def test_letters_are_corrected_as_a_file(system: System) -> None:
    """`list --values`, an editor or jq, `replay --fix`: of what is no JSON too; a line that is left out is left."""
    places = await refuse(system, [orjson.dumps(GOOD | {"colour": 1}), b"nonsense", b"\xff\xfe", None])
    lines = [json.loads(line) for line in (await command(system, "list", "--values"))[0].splitlines()]
    assert [("event" in line, line.get("text"), line.get("base64")) for line in lines] == [
        (True, None, None),
        (False, "nonsense", None),
        (False, None, "//4="),
        (True, None, None),
    ]
    for number, line in enumerate(lines):
        for name in ("text", "base64"):
            line.pop(name, None)
        line["event"] = GOOD | {"event_id": f"e{number}"}
    file = "".join(json.dumps(line) + "\n" for line in lines[:3])
    await command(system, "replay", "--fix", "-", stdin=file.encode())
    assert [orjson.loads(one.value)["event_id"] for one in await sent_again(system)] == ["e0", "e2", "e1"]
    wrong = f'{{"place": "{places[3]}"}}\n'
    _, said = await command(system, "replay", "--fix", "-", stdin=wrong.encode(), code=2)
    assert "standard input, line 1: expected one of event, text and base64" in said


async def test_letters_are_corrected_in_an_editor(system: System, tmp_path: Path) -> None:
    """Each in turn; what is left as it was is not sent, and what is made worse is refused."""
    script = tmp_path / "editor.py"
    script.write_text(
        "import pathlib, sys\nfile = pathlib.Path(sys.argv[1])\ntext = file.read_text()\n"
        "file.write_text(text.replace('yesterday', '2026-03-02T09:20:00Z').replace('tomorrow', 'never'))\n"
    )
    values = [orjson.dumps(GOOD | {"time": time}) for time in ("yesterday", "tomorrow", "soon")]
    await refuse(system, list(values))
    editor = f"{sys.executable} {script}"
    _, said = await command(system, "replay", "--reason", "schema", "--edit", editor=editor, code=1)
    assert "1 sent again" in said and "1 were not changed" in said and "1 are still no events" in said
    (record,) = await sent_again(system)
    assert orjson.loads(record.value) == GOOD
    assert record.timestamp == START  # the event's own: its time is what was wrong


async def test_what_the_future_holds(system: System) -> None:
    """An event of the future is sent when it no longer is; corrected, at its new time."""
    future = format_time(4_102_444_800_000)
    (place,) = await refuse(system, [orjson.dumps(GOOD | {"time": future})], why=Refusal("future", "later", "/time"))
    _, said = await command(system, "replay", place, code=1)
    assert f"future at /time: its time {future} is in the future" in said
    await command(system, "replay", place, "--set", f"/time={format_time(START + HOUR)}")
    (record,) = await sent_again(system)
    assert record.timestamp == START + HOUR


async def test_two_at_once_send_each_letter_once(system: System) -> None:
    """The second fences the first, which says so; together, or run again, they send everything once."""
    count = 400
    await refuse(system, [orjson.dumps(event(number, START, user="ann", colour=1)) for number in range(count)])
    words = ("replay", "--reason", "schema", "--remove", "/colour", "--batch", "5")

    async def run() -> int:
        process = await start(system, *words)
        _, said = await finish(process)
        # A broker that is just writing the end of a transaction whose producer is fenced says "unknown error" instead.
        ended = ("another replay of dead letters has taken over", "run it again, it goes on")
        assert process.returncode == 0 or any(words in said for words in ended), said
        return process.returncode or 0

    codes = await asyncio.gather(run(), run(), run())
    assert 0 in codes
    await command(system, *words)
    found = Counter(orjson.loads(one.value)["event_id"] for one in await sent_again(system))
    assert found == Counter(f"e{number}" for number in range(count))


async def test_wrong_usage_is_one_line(system: System, broker: str, tmp_path: Path, model: Path) -> None:
    """Exit code 2, what and what to do."""
    for words, line in [
        (("show", "7"), "'7' is no place of a dead letter: PARTITION:OFFSET, such as 2:1041"),
        (("show", "0:99"), "there is no dead letter at 0:99: 'dead-letters list --each' names those there are"),
        (("show", "99:0"), "there is no dead letter at 99:0: 'dead-letters list --each' names those there are"),
        (("replay",), "replay which? Say one of: PLACE..., --reason CODE (or --all), --fix FILE"),
        (("replay", "0:0", "--set", "x"), "--set x: expected /pointer=VALUE, such as /user_id=u-42"),
        (("replay", "--fix", "/nowhere"), "/nowhere: No such file or directory"),
        (("list", "--since", "x"), "--since x: expected a time such as 2026-03-01T10:00:00Z, or 30m, 12h, 2d"),
    ]:
        assert (await command(system, *words, code=2))[1] == f"stream-app: {line}\n"
    nowhere = System(broker, tmp_path, model)
    assert "say 'stream-app topics create' first" in (await command(nowhere, "list", code=2))[1]


async def test_an_empty_topic_is_empty(system: System) -> None:
    """No letters, no complaint; since a time after the last one, none either."""
    assert json.loads((await command(system, "list", "--json"))[0]) == []
    await refuse(system, [b"nonsense"])
    (kind,) = json.loads((await command(system, "list", "--json", "--since", "1h"))[0])
    assert kind["letters"] == 1
    assert json.loads((await command(system, "list", "--json", "--since", "9999-01-01T00:00:00Z"))[0]) == []
    assert "nothing to send" in (await command(system, "replay", "--reason", "future"))[1]


async def test_the_pages_commands_work(system: System, repository: Path, tmp_path: Path) -> None:
    """Every `sh` block of docs/dead-letters.md, in order, in one shell; afterwards what could be mended has been sent."""
    bad = [GOOD | {"colour": "red"}, GOOD | {"event_id": "e2", "colour": 1}, GOOD | {"event_id": ""}]
    await refuse(system, [*map(orjson.dumps, bad), b"nonsense"])
    page = (repository / "docs" / "dead-letters.md").read_text(encoding="utf-8")
    script = "set -euo pipefail\n" + "\n".join(re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))
    place = {"KAFKA_BROKER": system.broker, "STREAM_APP_TOPIC_PREFIX": system.manifest.prefix}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        script,
        cwd=tmp_path,
        env={**os.environ, **place, "PATH": path},
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    out, said = await finish(process)
    assert process.returncode == 0, out.decode() + said
    assert "some are still no events" in out.decode()
    assert (tmp_path / "value.json").read_bytes() == orjson.dumps(bad[0])
    found = [orjson.loads(one.value)["event_id"] for one in await sent_again(system)]
    assert sorted(found) == ["e1", "e2", "mended"]


async def test_what_was_refused_on_its_second_hop_goes_through_its_topic_again(system: System) -> None:
    """A lead's, under its key and without our headers, to be found anew; an account's to the account, which alone lacks it."""
    second = [
        (messages.KIND, b"event"),
        (messages.CHANNEL, b"email"),
        ("stream-app.lead", b"user:ann"),
        ("trace", b"7"),
    ]
    late = Refusal("too_old", "late", "/time")
    (one,) = await refuse(system, [orjson.dumps(GOOD)], "lead-inbox", headers=second, why=late)
    (two,) = await refuse(system, [orjson.dumps(GOOD)], "account-inbox", headers=second[:2], why=late)
    (three,) = await refuse(system, [b"{}"], "lead-inbox", headers=[(messages.KIND, b"links")])
    _, said = await command(system, "replay", one, two, three, code=1)
    assert f"{three}: it is a message between workers ('links'), not an event" in said
    (lead,), (account,) = await sent_again(system, "email-events"), await sent_again(system, "account-inbox")
    assert lead.headers == (("trace", b"7"), ("dead-letters.replay-of", one.encode()))
    assert account.headers == (*second[:2], ("dead-letters.replay-of", two.encode()))
    assert (lead.key, lead.timestamp, lead.partition) == (
        b"user:ann", START, default_partition(b"user:ann", PARTITIONS)
    )  # fmt: skip

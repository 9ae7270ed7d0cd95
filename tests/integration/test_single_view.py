"""`lead show`, `lead export` and `account show` against a worker's topics, and held to `stream-app score` offline."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from stream_app.engine.explain import explain
from stream_app.engine.times import DAY, HOUR, format_time, parse_time
from stream_app.history.replay import score_at
from stream_app.ingest.ndjson import read_events
from stream_app.serving.keys import keys_meant
from stream_app.serving.lead_view import LeadView
from stream_app.serving.leads import view_of_lead
from stream_app.serving.reading import open_reader
from stream_app.worker.composition import Scoring, compose
from stream_app.worker.links import Erase, link_output
from tests.pipeline.desk import event
from tests.pipeline.models import TEXT
from tests.pipeline.story import write
from tests.pipeline.system import COMMAND, System, run

START = parse_time("2026-03-02T09:20:00Z")
END = START + 10 * HOUR
LATER = END + 2 * DAY
PLAIN = TEXT.replace(", account.score: 0.1", "")


def events() -> list[dict[str, Any]]:
    """Ann and Bob of acme on three channels, and what its account did; Kim, who is told by and by who she is; Gus,
    who will be erased; the last of all by one who is nobody."""
    made = [
        event(
            0,
            START,
            user="ann",
            channel="web",
            type="identify",
            account_id="acme",
            facts={"job_title": "Clerk", "department": "it"},
        ),
        *(event(number, START + number * HOUR, user="ann", channel="web") for number in range(1, 5)),
        event(5, START + 5 * HOUR, user="ann", channel="email", type="open"),
        event(6, START + 2 * HOUR, user="ann", channel="social", type="like"),
        event(
            10,
            START + HOUR,
            user="bob",
            channel="web",
            type="identify",
            account_id="acme",
            facts={"department": "sales"},
        ),
        event(11, START + 2 * HOUR, user="bob", channel="web"),
        event(20, START, account_id="acme", channel="account", type="funding", account_facts={"growth": 0.4}),
        event(25, START + 2 * HOUR, anonymous_id="d-1", channel="web"),
        event(26, START + 3 * HOUR, anonymous_id="d-1", email="kim@acme.example", channel="web"),
        event(27, START + 4 * HOUR, email="Kim@acme.example", user="kim", channel="web"),
        event(29, START + HOUR, user="gus", channel="web"),
        event(30, END, user="zed", channel="web", type="unheard_of"),
    ]
    return sorted(made, key=lambda one: (one["time"], one["event_id"]))


async def test_the_single_view(broker: str, tmp_path: Path) -> None:
    """One worker's run, from all sides: S033 (a timeline across channels), aliases, and all that `export` must find."""
    model, file = tmp_path / "small.yaml", tmp_path / "events.ndjson"
    model.write_text(PLAIN)
    write(file, events())
    system = await System(broker, tmp_path, model, partitions=2).create()
    place = ["--model", str(model), "--bootstrap", broker, "--prefix", system.manifest.prefix]
    await system.produce(file)
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        await producer.send(system.topic("web-events"), b'{"user_id": "ann", "tim', b"who", timestamp_ms=START)
        erase = link_output(system.topic("lead-inbox"), "user:gus", Erase("request-1", END, None), END)
        await producer.send(erase.topic, erase.value, erase.key, timestamp_ms=END, headers=list(erase.headers))
    with system.worker("a") as worker:
        await worker.ready()
        await system.caught_up(60, worker.said)
        assert worker.stop() == 0, worker.said()

    commands, views = Commands(place), Views(system, compose(system.model, system.manifest), file)
    await asyncio.gather(
        _check_lead(views, commands),
        _check_aliases(views),
        _check_account(system, commands),
        _check_export(commands),
        _check_erased(commands),
        _check_refusals(commands),
    )
    missing = await _failed(2, "lead", "show", "ann", "--bootstrap", broker, "--prefix", "none.")
    assert missing.startswith("stream-app: there is no topic none.lead-changelog on this broker: say")


@dataclass(frozen=True)
class Commands:
    """The commands against the system."""

    place: list[str]

    async def told(self, *words: str) -> Any:
        """What a command prints as JSON."""
        return json.loads(await run(*words, *self.place))


@dataclass(frozen=True)
class Views:
    """What the commands view, without a process for each, and the same events scored offline."""

    system: System
    scoring: Scoring
    history: Path

    async def lead(self, text: str, at: int | None = None) -> Any:
        """A lead's view as JSON."""
        async with open_reader(self.system.broker, self.system.manifest) as reader:
            view = await view_of_lead(reader, self.scoring, keys_meant(text), at)
        assert isinstance(view, LeadView)
        return orjson.loads(orjson.dumps(view.as_json()))

    def offline(self, key: str, at: int) -> Any:
        """As `stream-app score --explain` prints it."""
        with self.history.open("rb") as file:
            found = score_at(
                self.system.model, read_events(file, "-"), key, at, lambda refused: pytest.fail(str(refused))
            )
        assert found is not None
        world, lead = found
        return orjson.loads(orjson.dumps({**world.score(lead), "explanation": explain(lead)}))


async def _check_lead(views: Views, commands: Commands) -> None:
    lead, then = await asyncio.gather(
        commands.told("lead", "show", "ann", "--timeline", "--json"), views.lead("user:ann", LATER)
    )
    expected = views.offline("user:ann", LATER)
    for name in ("scores", "bands", "stages", "seq", "reasons", "account_id"):
        assert then[name] == expected[name], name
    assert _numbers(then["explanation"]) == expected["explanation"]
    change = lead["next"][0]
    changed = views.offline("user:ann", parse_time(change["at"]))
    assert {name: shift["after"] for name, shift in change["scores"].items()}.items() <= changed["scores"].items()
    assert lead["transitions"] == (await views.system.transitions())["user:ann"][::-1]
    assert lead["account"] == (await views.system.latest("account-scores"))["acme"]
    channels = [(one["channel"], one["event_id"]) for one in lead["timeline"]]
    assert channels[2:] == [("web", "e2"), ("social", "e6"), ("web", "e3"), ("web", "e4"), ("email", "e5")]
    assert lead["timeline_total"] == 7


async def _check_aliases(views: Views) -> None:
    """Any key of a chain leads to the lead, which knows them all and has what each of them did."""
    kim, at_end = await views.lead("anon:d-1"), await views.lead("Kim@acme.example", END)
    expected = views.offline("anon:d-1", END)
    assert kim["keys"] == ["user:kim", "anon:d-1", "email:kim@acme.example"]
    assert (kim["lead"], kim["account_id"]) == ("user:kim", expected["account_id"])
    assert (at_end["scores"], at_end["stages"]) == (expected["scores"], expected["stages"])
    assert kim["explanation"]["interest"]["rules"][0]["count"] == 3


async def _check_account(system: System, commands: Commands) -> None:
    account, shown = await asyncio.gather(
        commands.told("account", "show", "acme", "--json"), run("account", "show", "acme", *commands.place)
    )
    assert [one["lead"] for one in account["members"]["score"]["top"]] == ["user:ann", "user:bob"]
    assert account["scores"] == (await system.latest("account-scores"))["acme"]["scores"]
    assert b"breadth: 2 different department, +10" in shown


async def _check_export(commands: Commands) -> None:
    written = (await run("lead", "export", "ann", "--events", *commands.place)).splitlines()
    head, *records, end = [json.loads(line) for line in written]
    assert (head["record"], end) == ("lead", {"record": "end", "records": len(records)})
    assert head["state"]["facts"]["job_title"]["value"] == "Clerk"
    found = {(one["record"], one["matched"]) for one in records}
    assert {("event", "identity"), ("event", "mention"), ("dead-letter", "mention"), ("transition", "key")} <= found
    ids = {one["value"]["event_id"] for one in records if one["matched"] == "identity"}
    assert ids == {f"e{number}" for number in range(7)}
    assert all("bob" not in json.dumps(one) for one in records)


async def _check_erased(commands: Commands) -> None:
    """An erased person is said to be; what is retained of them can still be found."""
    line = f"stream-app: gus: user:gus was erased on {format_time(END)}, and nothing was heard since\n"
    assert await _failed(1, "lead", "show", "gus", *commands.place) == line
    written = (await run("lead", "export", "user:gus", "--events", *commands.place)).splitlines()
    head, *records, _ = [json.loads(line) for line in written]
    assert (head["known"], head["erased_at"]) == (False, format_time(END))
    assert "e29" in {one["value"].get("event_id") for one in records if one["record"] == "event"}


async def _check_refusals(commands: Commands) -> None:
    """Whom nobody knows."""
    line = "stream-app: nobody: nothing is known of this key\n"
    assert await _failed(1, "lead", "export", "nobody", "--events", *commands.place) == line


async def _failed(code: int, *words: str) -> str:
    """What a command that must fail writes to standard error."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, err = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == code, err.decode()
    return err.decode()


def _numbers(explanation: dict[str, Any]) -> Any:
    """An explanation without the words."""
    for score in explanation.values():
        for rule in score.get("rules", ()):
            for name in ("what", "worth", "terms"):
                del rule[name]
    return explanation

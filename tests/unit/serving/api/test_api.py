"""The query API on what processors publish, held to the engine offline."""

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from stream_app.engine.times import DAY, HOUR, format_time
from stream_app.errors import KnownError
from stream_app.serving.api.keyring import SCOPES, Keyring
from stream_app.serving.projection.memory import Memory
from tests.pipeline.desk import Desk, event
from tests.pipeline.models import small_model
from tests.projection.asking import Api, project_desk
from tests.projection.histories import NOW, START, some_leads


@pytest.fixture
def desk() -> Desk:
    """Everything processed, up to the present."""
    return some_leads()


@pytest.fixture
async def projection(desk: Desk) -> Memory:
    """The desk's results, projected."""
    memory = Memory()
    await project_desk(desk, memory)
    return memory


@pytest.fixture
def api(desk: Desk, projection: Memory, tmp_path: Path) -> Api:
    """The API on it."""
    return Api(desk, projection, tmp_path, NOW)


async def test_the_queue(desk: Desk, api: Api) -> None:
    """S117, S292, S302, S303, S306: highest first, without who is suppressed or disqualified, through cursors."""
    records = desk.latest("lead-scores")
    wanted = {key: one["scores"]["total"] for key, one in records.items() if key not in ("user:u/8", "user:u/7")}
    found: list[Any] = []
    path = "/leads?limit=3"
    while path:
        answer = await api.get(path)
        assert answer.status == 200, answer.body
        found += answer.json["items"]
        path = f"/leads?limit=3&cursor={answer.json['next']}" if answer.json["next"] else ""
    totals = [one["scores"]["total"] for one in found]
    assert totals == sorted(totals, reverse=True)
    assert {one["lead"]: one["scores"]["total"] for one in found} == wanted
    assert all(one == records[one["lead"]] for one in found)
    lowest = (await api.get("/leads?order=lowest&limit=500")).json["items"]
    assert [one["lead"] for one in lowest] == [one["lead"] for one in found[::-1]]


async def test_fit_and_interest_together_come_first(tmp_path: Path) -> None:
    """S117: before one who fits and did little, and one who did much and does not fit."""
    desk, memory = Desk(small_model()), Memory()
    fits = {"facts": {"job_title": "Chief of all"}}
    for number, (name, views, more) in enumerate((("fits", 1, fits), ("busy", 3, {}), ("both", 3, fits))):
        for view in range(views):
            time = START + view * HOUR
            one = event(number * 10 + view, time, user=name, channel="web", **more)
            desk.send("web-events", one, key=f"user:{name}", timestamp=time)
    desk.run()
    await project_desk(desk, memory)
    items = (await Api(desk, memory, tmp_path, NOW).get("/leads")).json["items"]
    assert items[0]["lead"] == "user:both"
    assert items[0]["scores"]["total"] > max(one["scores"]["total"] for one in items[1:])


async def test_filters(desk: Desk, api: Api) -> None:
    """By stage, band, owner and account, alone and together."""
    every = (await api.get("/leads")).json["items"]
    filters: dict[str, Callable[[Any], bool]] = {
        "stage=mql": lambda one: one["stages"]["lifecycle"] == "mql",
        "stage=lifecycle:sql": lambda one: one["stages"]["lifecycle"] == "sql",
        "band=warm": lambda one: one["bands"]["warmth"] == "warm",
        f"owner={quote('Olga Ö.')}": lambda one: one["owner"] == "Olga Ö.",
        "account=acme%2F1": lambda one: one["account_id"] == "acme/1",
        "account=acme%2F1&band=warm": lambda one: one["account_id"] == "acme/1" and one["bands"]["warmth"] == "warm",
    }
    for query, holds in filters.items():
        answer = await api.get(f"/leads?{query}")
        assert answer.json["items"] == [one for one in every if holds(one)], query
        assert answer.json["items"] or "sql" in query, query
    accounts = (await api.get("/accounts")).json
    assert accounts["score"] == "score"
    assert {one["account_id"] for one in accounts["items"]} == {"acme/0", "acme/1"}


async def test_a_lead_by_any_key(desk: Desk, api: Api) -> None:
    """Encoded, bare, by an alias; its record is the published one."""
    record = desk.latest("lead-scores")["user:u/9"]
    for name in ("user:u/9", "u/9", "nine@x.example", "email:Nine@X.example"):
        answer = await api.get(f"/leads/{quote(name, safe='')}")
        assert (answer.status, answer.json) == (200, record), name
    assert (await api.get("/leads/user:u/9")).status == 404
    view = (await api.get("/leads/nine%40x.example/view")).json
    assert view["keys"] == ["user:u/9", "email:nine@x.example"]
    assert view["account"] == desk.latest("account-scores")["acme/1"]


async def test_explanations_now_and_later(desk: Desk, api: Api) -> None:
    """The parts make the score; at a later time they are what the worker itself comes to by then."""
    now = (await api.get("/leads/u%2F9/explanation?at=now")).json
    assert now["at"] == format_time(NOW)
    assert sum(rule["points"] for rule in now["explanation"]["interest"]["rules"]) == pytest.approx(
        now["raw"]["interest"]
    )
    later = NOW + 5 * DAY
    told = (await api.get(f"/leads/u%2F9/explanation?at={format_time(later)}")).json
    account = (await api.get(f"/accounts/acme%2F1/explanation?at={format_time(later)}")).json
    assert account["scores"]["score"] < (await api.get("/accounts/acme%2F1")).json["scores"]["score"]
    desk.advance(later)
    assert told["scores"]["interest"] == desk.latest("lead-scores")["user:u/9"]["scores"]["interest"]
    past = await api.get(f"/leads/u%2F9/explanation?at={format_time(START)}")
    assert (past.status, past.json["parameter"]) == (400, "at")


async def test_history(desk: Desk, api: Api) -> None:
    """A lead's transitions, newest first, through cursors; an account's likewise."""
    expected = desk.transitions()["user:u/9"][::-1]
    assert len(expected) > 1
    first = (await api.get("/leads/u%2F9/transitions?limit=1")).json
    rest = (await api.get(f"/leads/u%2F9/transitions?cursor={first['next']}")).json
    assert first["items"] + rest["items"] == expected
    assert rest["next"] is None
    accounts = (await api.get("/accounts/acme%2F1/transitions")).json["items"]
    assert accounts == desk.transitions("account")["acme/1"][::-1]


async def test_etags(api: Api) -> None:
    """What the client has is not sent again."""
    answer = await api.get("/leads/u%2F9")
    tag = answer.headers["etag"]
    for given in (tag, f'"x", W/{tag}', "*"):
        again = await api.get("/leads/u%2F9", if_none_match=given)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert (await api.get("/leads/u%2F9", if_none_match='"x"')).status == 200


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/leads?limit=0", 400, "1 to 500"),
        ("/leads?limit=2&limit=3", 400, "more than once"),
        ("/leads?shape=round", 400, "account, band, cursor"),
        ("/leads?score=nope", 400, "total"),
        ("/leads?stage=nope", 400, "lifecycle:mql"),
        ("/leads?order=up", 400, "highest or lowest"),
        ("/leads?cursor=AAAA", 400, "not one that this API made"),
        ("/leads?cursor=%s", 400, "not one that this API made"),
        ("/leads/nobody", 404, "no lead"),
        ("/leads/%FF", 400, "UTF-8"),
        ("/leads/u%2F9/explanation?at=tomorrow", 400, "RFC 3339"),
        ("/leads/u%2F9/explanation?at=2099-01-01T00:00:00Z", 400, "five years"),
        ("/accounts/nobody/view", 404, "no such account"),
        ("/nothing", 404, "openapi.json"),
        ("/transitions/stream", 503, "without a broker"),
        ("/leads/" + "x" * 9000, 414, "at most"),
    ],
)
async def test_errors_have_one_format(api: Api, path: str, status: int, word: str) -> None:
    """RFC 9457, and nothing of what was sent in it."""
    answer = await api.get(path)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status
    assert word in answer.json["detail"]
    assert "nope" not in answer.json["detail"]


async def test_a_cursor_belongs_to_its_question(api: Api) -> None:
    """It can't be carried to another list."""
    cursor = (await api.get("/leads?limit=1")).json["next"]
    assert (await api.get(f"/leads?limit=5&cursor={cursor}")).status == 200
    assert (await api.get(f"/leads?band=warm&cursor={cursor}")).status == 400


async def test_keys_and_scopes(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """No key, a wrong one, one for something else, an expired and a revoked one; none of them gets into the log."""
    caplog.set_level(logging.DEBUG)
    narrow, token = api.keyring.create("narrow", ["accounts:read"], "2026-01-01T00:00:00Z")
    _, old = api.keyring.create("old", ["leads:read"], "2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z")
    assert (await api.get("/accounts", token)).status == 200
    refused = await api.get("/leads", token)
    assert (refused.status, "leads:read" in refused.headers["www-authenticate"]) == (403, True)
    for wrong in ("", "sak_x", token[:-1] + "_", old):
        answer = await api.get("/leads/ann%40secret.example", wrong)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    api.keyring.revoke(narrow.id)
    assert (await api.get("/accounts", token)).status == 401
    said = caplog.text
    assert "/leads/{key} 401" in said
    assert not any(secret in said for secret in (token, old, api.token, "secret.example"))
    text = api.keyring.path.read_text()
    assert token not in text
    assert token.rpartition("_")[2] not in text
    assert api.keyring.path.stat().st_mode & 0o077 == 0


async def test_methods_bodies_and_health(api: Api) -> None:
    """Read only; no body is read; liveness needs no key."""
    assert (await api.get("/leads", method="HEAD")).status == 200
    answer = await api.get("/leads", method="DELETE")
    assert (answer.status, answer.headers["content-type"]) == (405, "application/problem+json")
    assert "GET" in answer.headers["allow"]
    assert (await api.get("/leads", content_length="999999999")).status == 413
    assert (await api.get("/livez", "")).status == 200
    assert (await api.get("/readyz", "")).status == 200


async def test_what_is_not_built_yet_is_not_answered(desk: Desk, tmp_path: Path) -> None:
    """Rather 503 than a wrong 404."""
    memory = Memory()
    api = Api(desk, memory, tmp_path, NOW)
    assert (await api.get("/readyz")).status == 503
    generation = await memory.begin()
    await memory.expect(generation, {("lead-scores", 0): 5})
    answer = await api.get("/leads/u%2F9")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


async def test_the_document_is_the_one_checked_in(api: Api, repository: Path) -> None:
    """`docs/openapi.json` is what is served: `python -m stream_app.serving.api.openapi > docs/openapi.json` writes it."""
    answer = await api.get("/openapi.json", "")
    assert answer.json == json.loads((repository / "docs" / "openapi.json").read_text())


async def test_the_page_names_what_there_is(api: Api, repository: Path) -> None:
    """Every parameter, scope and kind of problem is on docs/query-api.md."""
    page = (repository / "docs" / "query-api.md").read_text()
    for path, item in (await api.get("/openapi.json", "")).json["paths"].items():
        assert path.removeprefix("/api/v1").replace("/accounts/{id}/", "/leads/{key}/") in page, path
        for parameter in item["get"]["parameters"]:
            assert f"`{parameter['name']}" in page or f"{{{parameter['name']}}}" in page or "-" in parameter["name"]
    assert all(f"`{scope}`" in page for scope in SCOPES)
    sources = "".join(file.read_text() for file in (repository / "stream_app" / "serving" / "api").glob("*.py"))
    kinds = set(re.findall(r'Problem\(\s*\d{3}, "([a-z-]+)"', sources)) - {"http"}
    assert len(kinds) > 9
    assert sorted(kind for kind in kinds if f"`{kind}`" not in page) == []


def test_a_damaged_file_of_keys_is_told(tmp_path: Path) -> None:
    """By its name; and what no key can be made of."""
    file = tmp_path / "keys.json"
    file.write_text("{")
    with pytest.raises(KnownError, match="keys.json: not a file of API keys"):
        Keyring(file).keys()
    file.unlink()
    with pytest.raises(KnownError, match="expected one of leads:read"):
        Keyring(file).create("x", ["write"], "2026-01-01T00:00:00Z")
    with pytest.raises(KnownError, match="no key has the id"):
        Keyring(file).revoke("nope")
    assert not file.exists()

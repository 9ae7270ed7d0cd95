"""A projection of what processors without Kafka have sent, and requests to the API on it, without a socket."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message

from stream_app.serving.api.app import create_app
from stream_app.serving.api.keyring import SCOPES, Keyring
from stream_app.serving.api.service import Settings
from stream_app.serving.in_force import InForce
from stream_app.serving.projection.base import Projection, Slice
from stream_app.serving.projection.changes import change_of
from stream_app.serving.projection.ranking import ranked_scores
from tests.pipeline.desk import Desk, Record

_PUBLISHED = ("lead-scores", "account-scores", "transitions")


@dataclass(frozen=True)
class Answer:
    """An answer, whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


async def project_desk(desk: Desk, projection: Projection) -> None:
    """Bring everything that a desk has published and knows into a projection."""
    generation = await projection.begin()
    slices = []
    for base in _PUBLISHED:
        for partition, records in enumerate(desk.topics[desk.manifest[base].name]):
            slices.append(_slice(base, partition, records))
    for (agent, partition), lane in desk.lanes.items():
        entries = list(lane.state.items())
        base = f"{agent}-changelog"
        slices.append(
            _slice(
                base, partition, [Record(base, partition, n, 0, key, value) for n, (key, value) in enumerate(entries)]
            )
        )
    await projection.apply(generation, slices)
    await projection.expect(generation, {one.place: one.end for one in slices})


def _slice(base: str, partition: int, records: list[Record]) -> Slice:
    changes = [change_of(base, record) for record in records]
    return Slice((base, partition), 0, len(records), [change for change in changes if change is not None])


class Api:
    """The API on a projection; `token` may do everything."""

    def __init__(self, desk: Desk, projection: Projection, folder: Path, now: int, **more: Any) -> None:
        self.keyring = Keyring(folder / "keys.json")
        self.key, self.token = self.keyring.create("test", SCOPES, "2026-01-01T00:00:00Z")
        now_in_force = InForce(desk.scoring, ranked_scores(desk.scoring.model))
        settings = Settings(
            in_force=lambda: now_in_force,
            manifest=desk.manifest,
            clock=lambda: now,
            **more,
        )
        self.app = create_app(settings, projection, self.keyring)

    async def get(self, path: str, token: str | None = None, method: str = "GET", **headers: str) -> Answer:
        """What a path (under `/api/v1` unless it is absolute) answers."""
        whole = path if path.startswith(("/livez", "/readyz", "/other")) else f"/api/v1{path}"
        told = {"authorization": f"Bearer {self.token if token is None else token}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return await ask(self.app, method, whole, told)


async def ask(app: ASGIApp, method: str, path: str, headers: dict[str, str]) -> Answer:
    """One request to an application."""
    raw, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": raw,
        "raw_path": raw.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "server": ("test", 80),
        "client": ("test", 1),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], told, b"".join(message.get("body", b"") for message in sent[1:]))

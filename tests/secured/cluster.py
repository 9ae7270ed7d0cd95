"""One system on a secured cluster: who has which role, commands and processes run as them, and no secret said by any."""

import asyncio
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from stream_app.topics import Manifest, load_manifest
from tests.lanes.process import ROOT, WorkerProcess, until
from tests.pipeline.models import TEXT
from tests.pipeline.system import COMMAND
from tests.secured.authority import Authority
from tests.secured.page import administering, documented
from tests.secured.server import ADMIN, SCRAM, Grant, SecuredKafka, grant

PARTITIONS = 2
EVENT = {"event_id": "1", "channel": "web", "type": "page_view", "time": "2026-03-01T10:00:00Z", "user_id": "ann"}
WRONG = "the-wrong-secret"
ROLES = (
    "topics create", "worker", "produce", "lead show", "lead erase", "model publish", "model list", "dead-letters list",
    "dead-letters replay", "projector", "serve", "top", "connect NAME", "lag",
)  # fmt: skip
USERS = {ADMIN: "admin-secret"} | {role.replace(" ", "-"): f"secret-of-{role.replace(' ', '-')}" for role in ROLES}


@dataclass
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


@dataclass
class Cluster:
    """A secured Kafka, its CA, and one system's names on it."""

    server: SecuredKafka
    authority: Authority
    directory: Path
    prefix: str
    name: str = "crm"
    model: Path = field(init=False)

    def __post_init__(self) -> None:
        self.directory.mkdir(exist_ok=True)
        self.model = self.directory / "small.yaml"
        self.model.write_text(TEXT)

    @property
    def manifest(self) -> Manifest:
        """The system's topics."""
        return load_manifest(self.prefix, PARTITIONS)

    @property
    def group(self) -> str:
        """The workers' group."""
        return f"{self.prefix}workers"

    def environ(self, **more: str) -> dict[str, str]:
        """An environment with nothing of a Kafka but what is given."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "REDIS_"))}
        return clean | {"STREAM_APP_TOPIC_PREFIX": self.prefix, "STREAM_APP_MODEL": str(self.model)} | more

    def scram(self, role: str, **more: str) -> dict[str, str]:
        """Logged in as who has a role, over TLS; the password is in a file."""
        user = role.replace(" ", "-")
        file = self.directory / f"{user}.password"
        file.write_text(USERS[user] + "\n")
        return self.environ(
            KAFKA_BROKER=self.server.sasl,
            KAFKA_SECURITY_PROTOCOL="SASL_SSL",
            KAFKA_SASL_MECHANISM=SCRAM,
            KAFKA_SASL_USERNAME=user,
            KAFKA_SASL_PASSWORD_FILE=str(file),
            KAFKA_SSL_CAFILE=str(self.authority.certificate),
            **more,
        )

    def mutual(self, user: str, authority: Authority | None = None) -> dict[str, str]:
        """Known by a certificate, whose key is encrypted."""
        certificate, key = (authority or self.authority).issue(user, password=USERS[ADMIN])
        return self.environ(
            KAFKA_BROKER=self.server.mutual,
            KAFKA_SECURITY_PROTOCOL="SSL",
            KAFKA_SSL_CAFILE=str(self.authority.certificate),
            KAFKA_SSL_CERTFILE=str(certificate),
            KAFKA_SSL_KEYFILE=str(key),
            KAFKA_SSL_KEY_PASSWORD=USERS[ADMIN],
        )

    async def allow(self) -> None:
        """Grant every role what docs/operations.md says."""
        page = ROOT / "docs" / "operations.md"
        for role in ROLES:
            if role == "topics create":
                grants = administering(f"{self.prefix}*")
            elif role == "lag":
                grants = [Grant("topic", topic.name, "Read") for topic in self.manifest]
                grants += [Grant("group", "*", "Describe")]
            else:
                grants = documented(page, role, self.manifest, self.group, self.name)
            if role == "connect NAME":
                grants += administering(f"{self.prefix}connect-{self.name}-parked")
            await grant(self.server.bootstrap, role.replace(" ", "-"), grants)


class Process(WorkerProcess):
    """A long-running command of `stream-app`."""

    def __init__(self, directory: Path, environ: Mapping[str, str], *words: str) -> None:
        super().__init__(directory, words[0], {})
        self.words, self.environ = words, environ

    def start(self) -> Self:
        """Start it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, *self.words], cwd=ROOT, stdout=log, stderr=log, start_new_session=True, env=self.environ
            )
        return self

    async def says(self, text: str, within: float = 40.0) -> None:
        """Return when it has said something."""

        async def said() -> bool:
            assert self.running, self.said()[-3000:]
            return text in self.said()

        await until(said, within, lambda: self.said()[-3000:])


async def command(environ: Mapping[str, str], *words: str) -> Said:
    """A command; the secrets of nobody are in what it says."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=environ
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), 40)
    finally:
        if process.returncode is None:
            process.kill()
    said = Said(process.returncode or 0, out.decode(), err.decode())
    assert no_secret(said.out + said.err)
    return said


async def done(environ: Mapping[str, str], *words: str) -> str:
    """What a command printed that must succeed."""
    said = await command(environ, *words)
    assert said.code == 0, (words, said)
    return said.out


def no_secret(text: str) -> bool:
    """Whether a text holds nobody's password."""
    return not any(secret in text for secret in (*USERS.values(), WRONG))


async def caught_up(environ: Mapping[str, str], group: str) -> None:
    """Return when a group has nothing left to read, as `lag` tells it."""

    async def nothing_left() -> bool:
        lags = json.loads(await done(environ, "lag", "--group", group, "--json"))
        return bool(lags) and all(one["end"] == one["committed"] or one["lag"] == 0 for one in lags)

    await until(nothing_left, 40)

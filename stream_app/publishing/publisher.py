"""What writes versions: one publisher at a time, each change one Kafka transaction.

The rule: the publisher's transactional id is the system's, so starting one fences another, and what it then reads is all
there is. A version that goes live is written to `scoring-models` and, in the same transaction, into every partition of both
inboxes: so every lane takes it up, at one place of its own input, and none without the others.
"""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec

from stream_app.engine.model.types import Model
from stream_app.errors import KnownError
from stream_app.publishing.reading import INBOXES, model_of, registry_of
from stream_app.publishing.registry import MAX_TEXT, SHORT, Proposal, Publication, Registry, Version, version_bytes
from stream_app.serving.reading import TopicReader, open_reader
from stream_app.streaming.once import OnceSender
from stream_app.streaming.processor import Output
from stream_app.topics import Manifest
from stream_app.worker.publications import Mode, TooLarge, publication, publication_output


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How a version is published. `at` (ms) is the time from which it is in force, None for now; `expect` the version
    that must be live ("none": none may be), None for any; `needs` the teams whose approval it needs, `approvals` who
    has given it for which."""

    by: str
    note: str = ""
    mode: Mode = "emit"
    at: int | None = None
    expect: str | None = None
    needs: tuple[str, ...] = ()
    approvals: tuple[str, ...] = ()


class Publisher:
    """See the module. Made by `open_publisher`; `registry` is what was there when it was opened."""

    def __init__(self, sender: OnceSender, manifest: Manifest, reader: TopicReader, registry: Registry) -> None:
        self.registry = registry
        self.manifest = manifest
        self.reader = reader
        self._sender = sender

    async def publish(self, model: Model, terms: Terms) -> Version:
        """Publish a model, or where it needs approvals that it has not, propose it. Raises `KnownError`."""
        self.check(terms)
        known = self.registry.versions.get(model.version)
        version = known if known is not None else Version(model.name, model.version, model.document)
        live = self.registry.live
        if live is not None and live.version == model.version:
            raise KnownError(f"{model.name} {model.version[:SHORT]} is live already")
        proposal = Proposal(
            proposed_at=_now(),
            by=terms.by,
            note=terms.note,
            mode=terms.mode,
            over=live.version if live is not None else "",
            needs=list(terms.needs),
            approvals={role: terms.by for role in terms.approvals},
        )
        if proposal.missing:
            return await self._write(msgspec.structs.replace(version, proposal=proposal), model, None)
        return await self._go_live(version, model, terms, proposal.approvals)

    async def roll_back(self, text: str | None, terms: Terms) -> tuple[Version, Model]:
        """Publish an older version again: the one that `text` names, else the one that was live before. It needs no
        approvals: it had them. Raises `KnownError`."""
        self.check(terms)
        registry, live = self.registry, self.registry.live
        if text is None:
            others = [one for one in registry.versions.values() if one.publications and one is not live]
            before = {one.number: version for version in others for one in version.publications}
            if not before:
                raise KnownError("no version was published before the live one: publish the file that the workers had")
            version = before[max(before)]
        else:
            version = registry.find(text)
        if not version.publications:
            raise KnownError(f"{version.version[:SHORT]} was never live: publish it")
        if live is not None and live.version == version.version:
            raise KnownError(f"{version.model} {version.version[:SHORT]} is live already")
        model = model_of(version)
        return await self._go_live(version, model, terms, version.publications[-1].approvals), model

    async def approve(self, version: Version, model: Model, role: str, by: str, at: int | None = None) -> Version:
        """Approve a proposal for a team; with the last approval it goes live. Raises `KnownError`."""
        proposal = version.proposal
        name = f"{version.model} {version.version[:SHORT]}"
        if proposal is None:
            raise KnownError(f"{name} waits for nobody's approval")
        if role not in proposal.needs:
            raise KnownError(f"{name} needs no approval of {role!r}, but of {', '.join(proposal.needs)}")
        live = self.registry.live
        if proposal.over != (live.version if live is not None else ""):
            over = proposal.over[:SHORT] or "no published version"
            raise KnownError(
                f"{name} was proposed over {over}, which is not live any more: look again, and publish it anew"
            )
        proposal = msgspec.structs.replace(proposal, approvals={**proposal.approvals, role: by})
        if proposal.missing:
            return await self._write(msgspec.structs.replace(version, proposal=proposal), model, None)
        terms = Terms(by=proposal.by, note=proposal.note, mode=proposal.mode, at=at)
        return await self._go_live(version, model, terms, proposal.approvals)

    def check(self, terms: Terms) -> None:
        """Raise `KnownError` for terms that can't be met."""
        live = self.registry.live
        found = live.version if live is not None else "none"
        if terms.expect is not None and (not terms.expect or not found.startswith(terms.expect)):
            raise KnownError(
                f"expected {terms.expect[:SHORT]} to be live, but that is {found[:SHORT]}: somebody was faster"
            )
        for text in (terms.by, terms.note):
            if len(text) > MAX_TEXT:
                raise KnownError(f"a name or note is at most {MAX_TEXT} characters long")
        unknown = [role for role in terms.approvals if role not in terms.needs]
        if unknown:
            raise KnownError(
                f"no approval of {unknown[0]!r} is asked for (STREAM_APP_APPROVALS: {', '.join(terms.needs)})"
            )

    async def _go_live(self, version: Version, model: Model, terms: Terms, approvals: dict[str, str]) -> Version:
        now, live = _now(), self.registry.live
        changing = [one for one in self.registry.generations if one.status == "taken_over"]
        if changing and not _has_come(self.registry, changing[-1].publication):
            raise KnownError(
                f"{changing[-1]} is taking the live one's place: wait until 'stream-app model list' says it has"
            )
        if terms.at is not None and terms.at > now:
            raise KnownError("a version can't be in force from a time in the future on")
        made = Publication(
            number=(live.number if live is not None else 0) + 1,
            published_at=now,
            at=now if terms.at is None else terms.at,
            by=terms.by,
            note=terms.note,
            mode=terms.mode,
            approvals=approvals,
        )
        version = msgspec.structs.replace(version, publications=[*version.publications, made], proposal=None)
        return await self._write(version, model, made)

    async def _write(self, version: Version, model: Model, made: Publication | None) -> Version:
        """One transaction: the version's record, and where it goes live its messages to all lanes."""
        try:
            message = publication(
                model, made.number if made else 0, made.mode if made else "emit", made.at if made else 0
            )
        except TooLarge as error:
            raise KnownError(str(error)) from None
        records = [Output(self.manifest["scoring-models"].name, version.key, version_bytes(version))]
        if made is not None:
            records += [publication_output(*place, message) for place in self.inboxes()]
        await self.transact(records)
        return version

    def inboxes(self, manifest: Manifest | None = None) -> list[tuple[str, int]]:
        """Every partition of both inboxes, of the live generation or of another one's manifest."""
        names = manifest or self.manifest
        return [(names[base].name, number) for base in INBOXES for number in range(len(self.reader.partitions(base)))]

    async def transact(self, records: Sequence[Output]) -> None:
        """Write records, all or none. Raises `SendingError`."""
        await self._sender.send(records)


def _has_come(registry: Registry, number: int) -> bool:
    """Whether every lane that has reported has come to a publication, and everybody stands under it, or to a later one."""
    return bool(registry.lanes) and not any(
        lane.number < number or (lane.number == number and lane.left) for lane in registry.lanes
    )


@asynccontextmanager
async def open_publisher(bootstrap: str, manifest: Manifest) -> AsyncIterator[Publisher]:
    """The system's publisher; fences another that is at work. Raises `KnownError` where the system can't be reached."""
    sender = OnceSender(
        bootstrap,
        f"{manifest.prefix}model-publisher",
        "somebody else began to publish at the same time: see 'stream-app model list'",
    )
    async with open_reader(bootstrap, manifest) as reader:
        for base in ("scoring-models", *INBOXES):
            reader.partitions(base)
        async with sender:
            yield Publisher(sender, manifest, reader, await registry_of(reader))


def _now() -> int:
    return time.time_ns() // 1_000_000

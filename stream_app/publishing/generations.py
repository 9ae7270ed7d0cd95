"""Beginning, ending and promoting generations of tables (docs/decisions/0040): each step one transaction of the publisher.

The rule: what is written last decides. Until a takeover is committed the live generation knows of nothing and whatever was
begun can be left lying; from then on every live lane takes over by itself, and no process of the generation is needed.
"""

import time
from collections.abc import Sequence
from typing import Final

import msgspec

from stream_app.engine.model.types import Model
from stream_app.errors import KnownError
from stream_app.ingest.condemned import Condemned, Quarantine
from stream_app.ops.topics_admin import create_topics
from stream_app.publishing.generation import Generation, Purpose, Settled, Status, condemned_now, encode
from stream_app.publishing.publisher import Publisher, Terms
from stream_app.publishing.registry import SHORT, Publication, Registry, Version, version_bytes
from stream_app.streaming.processor import Output
from stream_app.topics import Manifest
from stream_app.worker.generations import Takeover, settle_output, takeover_output
from stream_app.worker.publications import TooLarge, publication

_UNDONE: Final = ("running", "settling", "abandoned")


class Generations:
    """See the module."""

    def __init__(self, bootstrap: str, publisher: Publisher) -> None:
        self._bootstrap = bootstrap
        self._publisher = publisher
        self.registry: Registry = publisher.registry

    async def begin(
        self,
        model: Model,
        purpose: Purpose,
        terms: Terms,
        added: Sequence[Condemned] = (),
        released: Sequence[Condemned] = (),
        group: str = "",
    ) -> Generation:
        """Begin a generation that scores by a model, without what condemned sources sent: those that are condemned, and what is
        `added`, but for what is `released`. Raises `KnownError`."""
        publisher, registry = self._publisher, self.registry
        publisher.check(terms)
        now = condemned_now(list(registry.generations))
        condemned = [one for one in now if one not in released] + [one for one in added if one not in now]
        try:
            publication(model, 0, terms.mode, 0)
            Quarantine(condemned)
        except (TooLarge, ValueError) as error:
            raise KnownError(str(error)) from None
        number = max((one.number for one in registry.generations), default=0) + 1
        began = Generation(
            number=number,
            model=model.name,
            version=model.version,
            purpose=purpose,
            group=group,
            started_at=_now(),
            by=terms.by,
            note=terms.note,
            mode=terms.mode,
            condemned=condemned,
            added=list(added),
            released=list(released),
            needs=list(terms.needs) if purpose != "quarantine" else [],
            approvals={role: terms.by for role in terms.approvals},
        )
        await create_topics(self._bootstrap, self.manifest_of(began))
        version = registry.versions.get(model.version) or Version(model.name, model.version, model.document)
        await publisher.transact([self._record(began), self._version_record(version)])
        return began

    async def approve(self, generation: Generation, role: str, by: str) -> Generation:
        """Approve that a generation takes the live one's place, for a team. Raises `KnownError`."""
        if role not in generation.needs:
            needs = ", ".join(generation.needs) or "nobody"
            raise KnownError(f"{generation} needs no approval of {role!r}, but of {needs}")
        return await self._write(msgspec.structs.replace(generation, approvals={**generation.approvals, role: by}))

    async def settle(self, generation: Generation) -> Generation:
        """Stop a generation's lanes: each reports where it stands still."""
        manifest = self.manifest_of(generation)
        settling = msgspec.structs.replace(generation, status="settling")
        stops = [settle_output(*place) for place in self._publisher.inboxes(manifest)]
        await self._publisher.transact([self._record(settling), *stops])
        return settling

    async def take_over(self, generation: Generation, model: Model) -> Generation:
        """Let a generation whose lanes stand still take the live one's place. Raises `KnownError`."""
        if generation.missing:
            raise KnownError(
                f"{generation} needs the approval of {', '.join(generation.missing)}: 'stream-app model approve'"
            )
        publisher, registry = self._publisher, self.registry
        live = registry.live
        of_live = bool(generation.added or generation.released)
        if of_live and (live is None or live.version != generation.version):
            raise KnownError(f"another version has gone live since {generation} began: abandon it, and begin anew")
        known = condemned_now(list(registry.generations))
        counted = [one for one in known if one not in (*generation.condemned, *generation.released)]
        refused = [one for one in generation.condemned if one not in (*known, *generation.added)]
        if counted or refused:
            what = f"{counted[0]} was condemned" if counted else f"{refused[0]} was released"
            raise KnownError(f"{what} after {generation} began, which does not know: abandon it, and begin anew")
        if not restated(registry, len(publisher.inboxes())):
            raise KnownError("the live version is not restated everywhere yet: see 'stream-app model list'")
        made = Publication(
            number=(live.number if live is not None else 0) + 1,
            published_at=_now(),
            at=_now(),
            by=generation.by,
            note=generation.note or generation.reason or str(generation),
            mode=generation.mode,
            approvals=generation.approvals,
        )
        version = registry.versions[generation.version]
        version = msgspec.structs.replace(version, publications=[*version.publications, made], proposal=None)
        taken = msgspec.structs.replace(generation, status="taken_over", publication=made.number)
        manifest = self.manifest_of(generation)
        takeover = Takeover(
            generation.number,
            publication(model, made.number, made.mode, made.at),
            manifest["lead-changelog"].name,
            manifest["account-changelog"].name,
            generation.reason,
            generation.condemned,
            generation.added,
        )
        messages = [takeover_output(*place, takeover) for place in publisher.inboxes()]
        await publisher.transact([self._version_record(version), self._record(taken), *messages])
        return taken

    async def mark(self, generation: Generation, status: Status) -> Generation:
        """Say what has become of a generation: `abandoned` before it took over, `finished` after. Raises `KnownError`."""
        wrong = generation.status not in (("taken_over", "finished") if status == "finished" else _UNDONE)
        if wrong:
            raise KnownError(
                f"{generation} has taken the live one's place: 'stream-app model promote --generation {generation.number}' "
                "waits for the end of it"
            )
        return await self._write(msgspec.structs.replace(generation, status=status))

    def manifest_of(self, generation: Generation) -> Manifest:
        """A generation's topics."""
        return self._publisher.manifest.beside(generation.number)

    async def _write(self, generation: Generation) -> Generation:
        await self._publisher.transact([self._record(generation)])
        return generation

    def _record(self, generation: Generation) -> Output:
        return Output(self._publisher.manifest["scoring-models"].name, generation.key, encode(generation))

    def _version_record(self, version: Version) -> Output:
        return Output(self._publisher.manifest["scoring-models"].name, version.key, version_bytes(version))


def restated(registry: Registry, lanes: int) -> bool:
    """Whether all lanes have the live version, and everybody stands under it; also where none was ever published."""
    live = registry.live
    return live is None or sum(one.number == live.number and not one.left for one in registry.lanes) == lanes


def standing_still(registry: Registry, generation: Generation, lanes: int) -> list[Settled] | None:
    """The reports of a generation's lanes, once all of them stand still."""
    reports = [one for one in registry.settled if one.generation == generation.number]
    return reports if len(reports) == lanes else None


def find_active(registry: Registry, text: str) -> Generation | None:
    """The active generation that scores by the version which the first digits of its hash name."""
    found = [one for one in registry.generations if one.active and one.version.startswith(text)]
    return found[0] if len(found) == 1 and len(text) >= 4 else None


def named(generation: Generation) -> str:
    """A generation with its version, for people."""
    return f"{generation} ({generation.model} {generation.version[:SHORT]})"


def _now() -> int:
    return time.time_ns() // 1_000_000

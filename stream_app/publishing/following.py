"""The version that is live, followed by a process that reads: what is published later is in force a second later.

The rule: what is in force is exchanged whole, so that who looks once has one version for all that it does; and whatever
goes wrong with a later version or with the broker, the last one that was good stays in force, and the log says why.
"""

import asyncio
import logging
from collections.abc import Sequence

from stream_app.errors import KnownError
from stream_app.publishing.reading import model_of, registry_of
from stream_app.publishing.registry import SHORT, Version
from stream_app.serving.in_force import InForce, in_force
from stream_app.serving.reading import TopicReader, open_reader
from stream_app.topics import Manifest

_EVERY_S = 1.0
_AGAIN_S = 5.0

_log = logging.getLogger(__name__)


class Follower:
    """Has what is `now` in force; `named` are the scores to rank by, else each version says itself."""

    def __init__(self, bootstrap: str, manifest: Manifest, now: InForce, named: Sequence[str] = ()) -> None:
        self.now = now
        self._bootstrap, self._manifest, self._named = bootstrap, manifest, named
        self._looked_at = ""

    async def follow(self) -> None:
        """Keep up with what is published, until cancelled."""
        while True:
            try:
                async with open_reader(self._bootstrap, self._manifest) as reader:
                    await self._follow(reader)
            except KnownError as error:
                _log.warning("%s: what is published meanwhile is not seen; looking again in %g s", error, _AGAIN_S)
                await asyncio.sleep(_AGAIN_S)

    async def _follow(self, reader: TopicReader) -> None:
        places = reader.partitions("scoring-models")
        seen = None
        while True:
            ends = await reader.ends(places)
            if ends != seen:
                live = (await registry_of(reader)).live
                seen = ends
                if live is not None and live.version not in (self._looked_at, self.now.scoring.model.version):
                    await self._take(live)
            await asyncio.sleep(_EVERY_S)

    async def _take(self, live: Version) -> None:
        self._looked_at = live.version
        try:
            self.now = await asyncio.to_thread(in_force, model_of(live), self._manifest, self._named)
            _log.info("version %s is in force", live.version[:SHORT])
        except KnownError as error:
            _log.error("%s: the version before stays in force here", error)

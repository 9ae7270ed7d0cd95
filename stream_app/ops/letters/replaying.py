"""Dead letters sent again, once: corrected, read by the worker's own parser, and sent to where they came from.

The rule: a letter's event and the record that it has been sent are one transaction, and what has been sent is read only
after every earlier sender has been fenced. So a letter is sent once, however often the command is run, at once or killed.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from stream_app.engine.activity import Activity
from stream_app.ingest import Refusal
from stream_app.ingest.limits import EVENT_BYTES
from stream_app.ops.letters.fixes import Correct, FixError, unframed
from stream_app.ops.letters.letter import REPLAY_OF, Letter, Place, letter_of
from stream_app.ops.letters.reading import LettersError, Reader
from stream_app.ops.letters.replayed import marker, read_replayed
from stream_app.ops.letters.verdict import NotSendableError, destination_of, home_of, judge
from stream_app.streaming.once import OnceSender
from stream_app.streaming.processor import Output
from stream_app.topics import Manifest
from stream_app.worker.messages import OURS

BATCH = 500
"""Letters a transaction, if nothing else is said."""

Refused = Callable[[Place, str], None]
"""Told the place of a letter that is not sent, and why, in one line."""


class UnchangedError(Exception):
    """The letter is to be left as it is."""


@dataclass(slots=True)
class Outcome:
    """What became of the letters: sent by topic, refused, and those that had been sent before."""

    sent: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    before: int = 0
    unchanged: int = 0


def transactional_id(manifest: Manifest) -> str:
    """One a system: of two that run at the same time, the later goes on."""
    return f"{manifest.prefix}dead-letter-replay"


class Replay:
    """Sends letters again. `sender` is None for a dry run; `now` in milliseconds."""

    def __init__(
        self, reader: Reader, manifest: Manifest, sender: OnceSender | None, now: int, batch: int = BATCH
    ) -> None:
        self._reader, self._manifest, self._sender, self._now, self._batch = reader, manifest, sender, now, batch
        self._markers = manifest["dead-letter-replays"].name
        self.outcome = Outcome()

    @staticmethod
    def require(reader: Reader, manifest: Manifest) -> None:
        """Raise `LettersError` where there is no topic to note what has been sent: a system of an earlier version."""
        topic = manifest["dead-letter-replays"].name
        if topic not in reader.counts:
            raise LettersError(f"there is no topic {topic}: say 'stream-app topics create' first")

    async def run(self, letters: AsyncIterator[Letter], correct: Correct, refused: Refused) -> Outcome:
        """Send what can be sent. A letter that is no event after its correction is told of and left."""
        spans = await self._reader.spans(self._manifest["dead-letters"].name)
        done = await read_replayed(self._reader, self._manifest, spans)
        waiting: list[tuple[Letter, Output]] = []
        size = 0
        async for letter in letters:
            if letter.place in done:
                self.outcome.before += 1
                continue
            output = self._prepare(letter, correct, refused)
            if output is None:
                continue
            done.add(letter.place)
            waiting.append((letter, output))
            size += len(output.value or b"")
            if len(waiting) >= self._batch or size > self._batch * EVENT_BYTES:
                await self._send(waiting)
                waiting, size = [], 0
        await self._send(waiting)
        return self.outcome

    def _prepare(self, letter: Letter, correct: Correct, refused: Refused) -> Output | None:
        try:
            value = correct(letter)
            activity = judge(letter, value, self._manifest, self._now)
            return self._output(letter, value, activity)
        except UnchangedError:
            self.outcome.unchanged += 1
        except (Refusal, NotSendableError, FixError) as reason:
            self.outcome.refused += 1
            refused(letter.place, str(reason))
        return None

    def _output(self, letter: Letter, value: bytes | None, activity: Activity) -> Output:
        """The record as it was, with the corrected value: same topic, partition, key, headers and timestamp."""
        home, there, origin = home_of(letter, self._manifest), destination_of(letter, self._manifest), letter.origin
        partition = origin.partition if origin is not None and there is home else None
        if partition is not None and partition >= self._reader.counts.get(there.name, 0):
            partition = None
        headers = [(name, content or b"") for name, content in letter.headers if name != REPLAY_OF]
        if there is not home:
            headers = [(name, content) for name, content in headers if not name.startswith(OURS)]
        headers.append((REPLAY_OF, str(letter.place).encode()))
        return Output(there.name, letter.key, value, headers, _timestamp(letter, value, activity), partition)

    async def _send(self, waiting: list[tuple[Letter, Output]]) -> None:
        if self._sender is not None:
            outputs = [output for _, output in waiting]
            outputs += [marker(self._markers, letter, output.topic) for letter, output in waiting]
            await self._sender.send(outputs)
        self.outcome.sent.update(output.topic for _, output in waiting)


def _timestamp(letter: Letter, value: bytes | None, activity: Activity) -> int:
    """The original record's, by which a lane merges its topics; the event's own time where that is what was wrong."""
    original = letter.origin.timestamp if letter.origin is not None else None
    if original is None or original < 0 or (value != letter.value and _time_in(letter.value) != _time_in(value)):
        return activity.time
    return original


def _time_in(value: bytes | None) -> object:
    try:
        document = msgspec.json.decode(unframed(value)[1])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return document.get("time") if isinstance(document, dict) else None


async def picked(reader: Reader, manifest: Manifest, places: Iterable[Place]) -> AsyncIterator[Letter]:
    """The letters at places. Raises `KnownError` where there is none."""
    topic = manifest["dead-letters"].name
    for place in places:
        yield letter_of(await reader.one(topic, place))

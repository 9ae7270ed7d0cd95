"""What a person asks `replay` for, checked as a whole and carried out."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from stream_app.errors import KnownError
from stream_app.ops.letters.editor import edited
from stream_app.ops.letters.fixes import Correct, editing, parse_remove, parse_set, read_fixes
from stream_app.ops.letters.letter import Letter, Place, parse_place
from stream_app.ops.letters.reading import Progress, open_reader
from stream_app.ops.letters.replaying import Outcome, Refused, Replay, picked, transactional_id
from stream_app.ops.letters.summary import Filter, selected
from stream_app.streaming.once import OnceSender
from stream_app.topics import Manifest

_MOST_OF_A_FILE = 256 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Which letters (places, a filter, all, or those of a file) and how they are corrected. `fix` is a path."""

    places: Sequence[str] = ()
    wanted: Filter = field(default_factory=Filter)
    everything: bool = False
    sets: Sequence[str] = ()
    removals: Sequence[str] = ()
    fix: str | None = None
    edit: bool = False
    batch: int = 500
    dry_run: bool = False

    def check(self) -> None:
        """Raises `KnownError` for what contradicts itself, or says nothing."""
        filtered = self.wanted.reason is not None or self.everything
        ways = [bool(self.places), filtered, self.fix is not None]
        if sum(ways) != 1:
            raise KnownError("replay which? Say one of: PLACE..., --reason CODE (or --all), --fix FILE")
        if sum([bool(self.sets or self.removals), self.fix is not None, self.edit]) > 1:
            raise KnownError("--set and --remove, --fix and --edit are three ways to correct: say one of them")
        if not filtered and (self.wanted.topic is not None or self.wanted.since is not None):
            raise KnownError("--topic and --since go with --reason or --all")


async def carry_out(
    wish: Wish, bootstrap: str, manifest: Manifest, now: int, progress: Progress, refused: Refused
) -> Outcome:
    """Send what is asked for. `now` in milliseconds; `refused` is told of every letter that is left. Raises `KnownError`."""
    wish.check()
    fixes = _fixes(wish.fix) if wish.fix is not None else {}
    places = list(dict.fromkeys(map(parse_place, wish.places))) or list(fixes)
    correct = _correction(wish, fixes)
    async with AsyncExitStack() as stack:
        reader = await stack.enter_async_context(open_reader(bootstrap, manifest, progress))
        sender = None
        if not wish.dry_run:
            Replay.require(reader, manifest)
            fenced = "another replay of dead letters has taken over; what it leaves can be done after it"
            sender = OnceSender(bootstrap, transactional_id(manifest), fenced)
            await stack.enter_async_context(sender)
        letters: AsyncIterator[Letter]
        letters = picked(reader, manifest, places) if places else selected(reader, manifest, wish.wanted)
        if wish.fix is not None and not places:
            return Outcome()
        batch = 1 if wish.edit else wish.batch
        return await Replay(reader, manifest, sender, now, batch).run(letters, correct, refused)


def _correction(wish: Wish, fixes: dict[Place, bytes]) -> Correct:
    if wish.edit:
        return edited
    if wish.fix is not None:
        return lambda letter: fixes[letter.place]
    return editing([*map(parse_set, wish.sets), *map(parse_remove, wish.removals)])


def _fixes(path: str) -> dict[Place, bytes]:
    """A file of corrections; the last of a place counts. Held in memory, and so bounded."""
    fixes: dict[Place, bytes] = {}
    size = 0
    try:
        with sys.stdin.buffer if path == "-" else Path(path).open("rb") as file:
            for place, value in read_fixes(file, "standard input" if path == "-" else path):
                fixes[place] = value
                size += len(value)
                if size > _MOST_OF_A_FILE:
                    raise KnownError(f"{path}: more than {_MOST_OF_A_FILE} bytes of corrections: split the file")
    except OSError as error:
        raise KnownError(f"{path}: {error.strerror}") from None
    return fixes

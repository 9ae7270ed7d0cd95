"""The keys of a partition: each a lead, an alias, freed, erased, or unknown; with what was changed since the last drain.

The rule: a lead on the shelf exists, so an event of a busy lead asks for nothing else. What lies in the table under a
key (entries.py) is looked at only when its lead is not at hand, and the mark of an erased one only when nothing does.
"""

from collections.abc import Callable, Iterable, Mapping

from stream_app.engine import ladders
from stream_app.engine.encoding import card_of, decode_with_card, tag_of
from stream_app.engine.plan import Plan
from stream_app.engine.state import Subject
from stream_app.runtime.lead import Lead
from stream_app.streaming.processor import StateReader
from stream_app.worker.entries import (
    ERASED,
    Erased,
    Kept,
    Marker,
    due_of,
    erased_key,
    is_marker,
    marker_of,
    pack_marker,
    state_of,
)
from stream_app.worker.shelf import Shelf

AT_HAND = 20_000  # decoded leads kept by a partition


class Register:
    """See the module. `secret` keys the digests of erased leads. `restate` makes the lead of a state that stands under
    another version of the model; without it, one is taken as it is. `reveal`, while leads that were taken over from another
    generation are made public, makes of what a key stands for what it stands for from now on."""

    def __init__(self, plan: Plan, state: StateReader, secret: bytes) -> None:
        self._plan = plan
        self._state = state
        self._secret = secret
        self._shelf: Shelf[Lead] = Shelf(AT_HAND, self.new)
        self._marks: dict[bytes, bytes | None] = {}  # entries changed since the last drain, but those of leads
        self._erased = False  # whether any lead was ever erased here
        self.at_hand = self._shelf.at_hand
        self.restate: Callable[[bytes], Lead] | None = None
        self.reveal: Callable[[str, Lead | Marker | None], Lead | Marker | None] | None = None

    def switch(self, plan: Plan, staged: Iterable[tuple[bytes, bytes]]) -> None:
        """Open leads under another version from now on. `staged` are the entries of those that have changed."""
        self._marks.update(staged)
        self._plan = plan
        self._shelf = Shelf(AT_HAND, self.new)
        self.at_hand = self._shelf.at_hand

    def staged(self) -> Iterable[tuple[bytes, bytes | None]]:
        """The entries changed since the last drain, but those of leads at hand."""
        return self._marks.items()

    def restore(self, key: bytes) -> None:
        """Hear of a recovered entry."""
        self._erased = self._erased or key.startswith(ERASED)

    def find(self, key: str) -> Lead | Marker | None:
        """What a key stands for; None: nothing is known of it."""
        lead = self._shelf.at_hand(key)
        if lead is not None:
            return lead
        found = self._found(key)
        return found if self.reveal is None else self.reveal(key, found)

    def _found(self, key: str) -> Lead | Marker | None:
        entry = self.entry(key.encode())
        if entry is None:
            entry = self.entry(erased_key(key, self._secret)) if self._erased else None
            return None if entry is None else marker_of(entry)
        if is_marker(entry):
            return marker_of(entry)
        lead = self._opened(entry)
        self._shelf.put(key, lead)
        return lead

    def new(self, key: str) -> Lead:
        """A lead of which nothing is known; it is one when it is first told of by `change`."""
        return _lead(self._plan, Subject(key, len(self._plan.trackers)))

    def revived(self, state: bytes) -> Lead:
        """The lead of an encoded state; it is one when it is first told of by `change`.

        It may come from a partition that has another version already, or still: then its stages are this one's.
        """
        lead = opened(self._plan, state)
        if tag_of(state) != self._plan.tag:
            ladders.start(self._plan, lead.subject, lead.subject.clock)
        return lead

    def change(self, key: str, lead: Lead) -> None:
        """A lead has changed."""
        changed = self._shelf.changed
        if key not in changed:
            changed[key] = lead
            if self._shelf.at_hand(key) is None:
                self._shelf.put(key, lead)
                self._marks.pop(key.encode(), None)
                self._no_longer_erased(key)

    def mark(self, key: str, marker: Marker) -> None:
        """A key is no lead: an alias, freed, or erased."""
        raw = key.encode()
        self._shelf.drop(key)
        if isinstance(marker, Erased):
            self._erased = True
            if self.entry(raw) is not None:  # else even a tombstone would say more than is known
                self._marks[raw] = None
            self._marks[erased_key(key, self._secret)] = pack_marker(marker)
        else:
            self._marks[raw] = pack_marker(marker)
            self._no_longer_erased(key)

    def put(self, raw: bytes, entry: bytes | None) -> None:
        """Change an entry that is no lead's."""
        self._marks[raw] = entry

    def clear(self, key: str) -> None:
        """Nothing is known of a key."""
        self._shelf.drop(key)
        self._marks[key.encode()] = None

    def any_changed(self) -> bool:
        """Whether anything has changed since the last drain."""
        return bool(self._shelf.changed or self._marks)

    def is_changed(self, key: str) -> bool:
        """Whether a key's lead has changed since the last drain."""
        return key in self._shelf.changed

    def due(self, raw: bytes) -> int | None:
        """When the lead of a key is due, as of the last drain; None: never, or it is no lead."""
        entry = self.entry(raw)
        return None if entry is None else due_of(entry)

    def take_marks(self) -> list[tuple[bytes, bytes | None]]:
        """The entries changed since the last call, but those of leads."""
        marks, self._marks = self._marks, {}
        return list(marks.items())

    def take_changed(self) -> Mapping[str, Lead]:
        """The leads changed since the last call."""
        return self._shelf.take_changed()

    def _no_longer_erased(self, key: str) -> None:
        """What the mark of an erased lead kept is in the key's own entry from now on."""
        if self._erased and self.entry(mark := erased_key(key, self._secret)) is not None:
            self._marks[mark] = None

    def entry(self, raw: bytes) -> bytes | None:
        """The entry of a key, but for what has changed of a lead at hand since the last drain."""
        return self._marks[raw] if raw in self._marks else self._state.get(raw)

    def _opened(self, entry: bytes) -> Lead:
        state = state_of(entry)
        if self.restate is not None and (tag := tag_of(state)) is not None and tag != self._plan.tag:
            return self.restate(state)
        return opened(self._plan, state)


def opened(plan: Plan, state: bytes) -> Lead:
    """The lead of an encoded state, with the card that was kept with it."""
    subject, kept = decode_with_card(plan, state)
    lead = _lead(plan, subject)
    if kept is not None:
        lead.resume(card_of(plan, subject, lead.view, kept))
    return lead


def count_on(subject: Subject, kept: Kept) -> None:
    """Let a lead that comes back under a key go on counting, with the aliases that the key still has."""
    subject.revision = kept.revision
    subject.erased_at = kept.erased_at
    subject.links.update(kept.links)
    for name, ladder in subject.ladders.items():
        ladder.seq = kept.seq.get(name, 0)


def _lead(plan: Plan, subject: Subject) -> Lead:
    def sight(account_id: str, time: int) -> Mapping[str, object]:
        seen = subject.account
        return seen[1] if seen is not None and seen[0] == account_id else {}

    return Lead(plan, subject, sight)

"""The retained events that concern one person, out of all topics: its own, those of whom it shares a key with and, where a
model's leads look at their account, what others have told of that.

The rule: memory grows with the person and its account, never with the topics. Who else counts is learnt from the events, so
the topics are read again where one names somebody whose earlier events may have been passed over.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from stream_app.engine.activity import Activity
from stream_app.engine.derived import email_domain, is_free_mail
from stream_app.engine.identity import lead_keys
from stream_app.engine.model.types import Model
from stream_app.engine.plan import account_scores_named
from stream_app.history.retained import encoded
from stream_app.ingest import Refusal, parse_event
from stream_app.serving.person import Person
from stream_app.serving.reading import TopicReader
from stream_app.streaming.processor import InputRecord
from stream_app.worker.sight import facts_read

_PASSES: Final = 5
_FEW: Final = 20  # keys that are looked for among a record's bytes: more are not worth it
_ALONE: Final = (
    "others that share its keys or its account have too many events, or too many keys: they are left out, so what it sees "
    "of its account is not what it saw"
)

Reads = Literal["nothing", "facts", "scores"]
"""What leads see of their account."""

MOST: Final[dict[Reads, int]] = {"nothing": 200_000, "facts": 200_000, "scores": 20_000}
"""Events of others: of more, none is taken. Where leads see scores, each event of one has all members scored."""


@dataclass(frozen=True)
class Found:
    """A person's events, each with its record's timestamp (ms), in the order in which they were taken; all keys it had."""

    events: list[tuple[int, bytes]]
    keys: frozenset[str]
    notes: list[str]

    def activities(self) -> Iterator[tuple[int, Activity]]:
        """The events, read."""
        for timestamp, raw in self.events:
            yield timestamp, parse_event(raw, channel=None)


def reads(models: Iterable[Model]) -> Reads:
    """What the leads of some models see of their accounts."""
    some = list(models)
    if any(account_scores_named(model) for model in some):
        return "scores"
    return "facts" if any(facts_read(model) for model in some) else "nothing"


@dataclass
class Wanted:
    """Who is looked for: a person's `keys`, the accounts that it belonged to, and `others`: keys that share an event with
    one of those, or with each other, so that it depends on them to whom a key belongs and whether an event is taken.
    `alone` leaves all others out. `grown` says that somebody came in whose earlier events may have been passed over."""

    keys: set[str]
    homes: set[str]
    reads: Reads
    erased_at: int
    alone: bool = False
    others: set[str] = field(default_factory=set)
    grown: bool = False

    def takes(self, activity: Activity) -> Literal["own", "other"] | None:
        """Whether an event is the person's, or another's that may change what becomes of it."""
        keys = lead_keys(activity)
        if not self.keys.isdisjoint(keys):
            return self._takes_own(activity, keys)
        if self.alone:
            return None
        if self.others.isdisjoint(keys) and not self._is_of_account(activity):
            return None
        self._grow(self.others, keys)
        return "other"

    def _takes_own(self, activity: Activity, keys: tuple[str, ...]) -> Literal["own"] | None:
        mine = keys[0] in self.keys
        if activity.time <= self.erased_at or (self.alone and not mine):
            return None
        if mine and activity.channel == "crm" and activity.type == "unlink":
            self._grow(self.keys, keys)  # what was freed was the person's before
        if mine and self.reads != "nothing":
            self._grow(self.homes, _accounts(activity))
        if not self.alone:
            self._grow(self.others, (key for key in keys if key not in self.keys))
        return "own"

    def _is_of_account(self, activity: Activity) -> bool:
        """Whether an event may change what leads see of the account."""
        if self.reads == "nothing" or self.homes.isdisjoint(_accounts(activity)):
            return False
        return self.reads == "scores" or bool(activity.account_facts) or activity.is_account_event

    def _grow(self, known: set[str], names: Iterable[str]) -> None:
        before = len(known)
        known.update(names)
        self.grown = self.grown or len(known) > before


class _Look:
    """Which records could be of anybody wanted; cheap, and never wrongly False."""

    def __init__(self, wanted: Wanted) -> None:
        self._all = not wanted.alone and (wanted.reads == "scores" or len(wanted.others) > _FEW)
        self._person = Person(wanted.keys | wanted.others)
        self._homes = [] if wanted.alone else [name.lower().encode() for name in wanted.homes]
        self._odd = any(not name.isascii() or '"' in name or "\\" in name for name in wanted.homes)

    def may_concern(self, record: InputRecord) -> bool:
        """See the class."""
        if self._all or self._odd or self._person.may_mention(record):
            return True
        lowered = (record.value or b"").lower()
        return any(home in lowered for home in self._homes)


async def events_of(reader: TopicReader, keys: Iterable[str], home: str | None, sees: Reads, erased_at: int) -> Found:
    """The events of a person that is known by some keys and belongs to an account; `sees` is what leads see of theirs.

    What is not later than `erased_at` (ms, -1: never) was erased, and is left out.
    """
    homes = {home} if home is not None and sees != "nothing" else set[str]()
    wanted = Wanted(set(keys), homes, sees, erased_at)
    for _ in range(_PASSES):
        wanted.grown = False
        found = await _pass(reader, wanted)
        if found is None:
            break
        if not wanted.grown:
            return Found(found, frozenset(wanted.keys), [])
    wanted.alone = True
    found = await _pass(reader, wanted)
    return Found(found or [], frozenset(wanted.keys), [_ALONE])


async def _pass(reader: TopicReader, wanted: Wanted) -> list[tuple[int, bytes]] | None:
    """Read all event topics once; None where there are too many events of others."""
    topics = {topic.name: (place, topic.channel) for place, topic in enumerate(reader.manifest.events())}
    found: list[tuple[int, int, int, int, bytes]] = []
    others = 0
    places = [place for topic in reader.manifest.events() for place in reader.partitions(topic.base)]
    look = _Look(wanted)
    async for place, records in reader.scan(places, "reading events"):
        number, channel = topics[place.topic]
        for record in records:
            activity = _activity(record, channel) if look.may_concern(record) else None
            whose = wanted.takes(activity) if activity is not None else None
            if activity is not None and whose is not None:
                found.append((record.timestamp, number, record.partition, record.offset, encoded(activity)))
                others += whose == "other"
        if others > MOST[wanted.reads]:
            return None
    found.sort()
    return [(row[0], row[4]) for row in found]


def _activity(record: InputRecord, channel: str | None) -> Activity | None:
    try:
        return parse_event(record.value, channel=channel, headers=record.headers)
    except Refusal:
        return None


def _accounts(activity: Activity) -> list[str]:
    """The accounts that an event names."""
    names = [] if activity.account_id is None else [activity.account_id]
    domain = email_domain(activity.email) if activity.email is not None else None
    if domain is not None and not is_free_mail(domain):
        names.append(domain)
    return names

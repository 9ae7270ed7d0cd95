"""The retained events that concern one person, out of all topics: its own and, where a model's leads look at their account,
what others have told of that.

The rule: memory grows with the person and its account, never with the topics. Who else is of an account is learnt from the
events, so the topics are read again where an event names somebody whose earlier events may have been passed over.
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

MOST: Final = 200_000  # events of others of its account: of more, none is taken
_PASSES: Final = 5

Reads = Literal["nothing", "facts", "scores"]
"""What leads see of their account."""


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
class _Wanted:
    """Who is looked for. `grown` says that somebody came in whose earlier events may have been passed over."""

    keys: set[str]
    homes: set[str]
    reads: Reads
    erased_at: int
    members: set[str] = field(default_factory=set)
    grown: bool = False

    def takes(self, activity: Activity) -> Literal["own", "other"] | None:
        """Whether an event is the person's, or another's that its account sees."""
        keys, names = lead_keys(activity), _accounts(activity)
        if not self.keys.isdisjoint(keys):
            if activity.time <= self.erased_at:
                return None
            if keys[0] in self.keys:
                if activity.channel == "crm" and activity.type == "unlink":
                    self._grow(self.keys, keys)
                if self.reads != "nothing":
                    self._grow(self.homes, names)
            return "own"
        if self.reads == "nothing":
            return None
        about = not self.homes.isdisjoint(names)
        if self.reads == "facts":
            return "other" if about and (activity.account_facts or not keys) else None
        if about or not self.members.isdisjoint(keys):
            self._grow(self.members, keys)
            return "other"
        return None

    def _grow(self, known: set[str], names: Iterable[str]) -> None:
        before = len(known)
        known.update(names)
        self.grown = self.grown or len(known) > before


class _Look:
    """Which records could be of anybody wanted; cheap, and never wrongly False."""

    def __init__(self, wanted: _Wanted) -> None:
        self._all = wanted.reads == "scores"  # members are too many to look for
        self._person = Person(wanted.keys)
        self._homes = [name.lower().encode() for name in wanted.homes]
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
    wanted, notes = _Wanted(set(keys), homes, sees, erased_at), list[str]()
    for _ in range(_PASSES):
        wanted.grown = False
        found = await _pass(reader, wanted)
        if found is None:
            notes.append(f"its account has more than {MOST:,} events of others: what leads see of it is left out")
            wanted.reads, wanted.grown = "nothing", True
            continue
        if not wanted.grown:
            break
    else:
        notes.append("others of its account are left out: too many keys name each other")
        found = found or []
    return Found(found, frozenset(wanted.keys), notes)


async def _pass(reader: TopicReader, wanted: _Wanted) -> list[tuple[int, bytes]] | None:
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
        if others > MOST:
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

"""A person's past, read from a running system: its events, the versions that were in force, and what was told then."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stream_app.engine.encoding import tag_of
from stream_app.engine.model.types import Model
from stream_app.engine.state import NEVER
from stream_app.engine.times import format_time
from stream_app.history.concerned import Found, events_of, reads
from stream_app.history.lead_rows import Row, Then, moment_of, rows_of
from stream_app.history.on_record import held_against
from stream_app.history.progress import Progress
from stream_app.history.tracks import Document, End, Past, Side, Step, Version, side_of
from stream_app.modelfiles import read_model
from stream_app.publishing.generation import condemned_now
from stream_app.publishing.reading import model_of
from stream_app.publishing.registry import SHORT, Registry
from stream_app.serving.leads import known_keys
from stream_app.serving.lookup import Erased, published_of, stored_lead
from stream_app.serving.reading import TopicReader
from stream_app.serving.subjects import lead_from
from stream_app.worker.composition import compose
from stream_app.worker.entries import due_of, state_of

_FILE = 0  # number of the version that the workers were started with
_BEHIND = "its lane has not come to the version in force yet: the workers' table has it under an earlier one"


@dataclass(frozen=True)
class LeadPast:
    """What is needed to tell a lead's history. `record` are the transitions on record, oldest first, `stored` the lead as the
    table has it, at `past.until` (None: it stands under an earlier version still), `notes` what a reader must know."""

    past: Past
    record: Sequence[Document]
    stored: Side | None
    notes: list[str]

    def rows(self, progress: Progress = lambda what, done, total: None) -> list[Row]:
        """All rows in order of time, held against the record."""
        found = sorted(rows_of(self.past, progress), key=lambda row: (row.what == "end", row.at))
        rows = held_against(found, self.record, self.past.first)
        for row in rows:
            if row.what == "end" and row.lead == self.past.lead:
                row.notes += self._as_stored(row.sides.then)
        return rows

    def moment(self, at: int, progress: Progress = lambda what, done, total: None) -> list[Then]:
        """The person at a time (ms)."""
        return moment_of(self.past, at, progress)

    def _as_stored(self, side: Side | None) -> list[str]:
        if self.stored is None or side is None:
            return []
        names = side.differing(self.stored)
        values = {**self.stored.scores, **self.stored.grades, **self.stored.bands, **self.stored.stages}
        return [f"the workers' table says {name} {values.get(name, 'absent')}" for name in names]


async def past_of_lead(
    reader: TopicReader, registry: Registry, meant: Sequence[str], own: Model | None, against: Model | None, now: int
) -> LeadPast | Erased | None:
    """The past of the lead that the likeliest of some keys stands for; None where there is none.

    `own` is the model that the workers were started with; None where that is not known: then it is taken to be what was
    published first. `against` is held against what was, None for the version in force. Raises `KnownError`.
    """
    versions = _published(registry)
    first = own if own is not None else versions[0].model if versions else read_model()
    live = versions[-1].model if versions else first
    stored = await stored_lead(reader, meant)
    if stored is None or isinstance(stored, Erased):
        return stored
    today, scoring, state = live if against is None else against, compose(live, reader.manifest), state_of(stored.entry)
    lead = lead_from(scoring.leads, state)
    subject, keys, due = lead.subject, known_keys(lead, stored), due_of(stored.entry)
    sees = reads([first, today, *(version.model for version in versions)])
    found = await events_of(reader, keys, lead.account_id, sees, subject.erased_at)
    records = await published_of(reader, keys, stored.key, None)
    # The worker has looked as far as that: what is due is not done yet.
    until = max(subject.clock, now if due is None else min(now, due - 1))
    steps, count = _ordered(found, versions, until), len(found.events)
    condemned = condemned_now(list(registry.generations))
    past = Past(Version(_FILE, NEVER, first), today, steps, count, stored.key, found.keys, until, now, condemned)
    notes = [*found.notes, *_notes(versions, own, found, subject.erased_at)]
    if tag_of(state) not in (None, scoring.leads.tag):
        return LeadPast(past, records.transitions, None, [*notes, _BEHIND])
    lead.advance(until)
    return LeadPast(past, records.transitions, side_of(lead), notes)


def _published(registry: Registry) -> list[Version]:
    """Every publication, in the order in which they were made."""
    versions = []
    generations = {one.publication: one for one in registry.generations if one.publication}
    for version in registry.versions.values():
        model = model_of(version) if version.publications else None
        for one in version.publications:
            assert model is not None
            generation = generations.get(one.number)
            note = one.note if generation is None else generation.note  # that of a publication says what else there is
            versions.append(Version(one.number, one.at, model, one.mode, one.by, note, generation))
    return sorted(versions, key=lambda version: version.number)


def _notes(versions: Sequence[Version], own: Model | None, found: Found, erased_at: int) -> list[str]:
    notes = []
    if erased_at != NEVER:
        notes.append(f"erased on {format_time(erased_at)}: what was before is not shown")
    if own is None and versions and found.events and found.events[0][0] < versions[0].at:
        version = versions[0].model.version[:SHORT]
        notes.append(
            f"until {format_time(versions[0].at)} the workers' own file was in force: it is taken to be what was published "
            f"first, {version}; --model names another"
        )
    return notes


def _ordered(found: Found, versions: Sequence[Version], until: int) -> Callable[[], Iterator[Step]]:
    """The steps as the lanes' merge makes them: by the records' timestamps, a version behind events of the same."""

    def steps() -> Iterator[Step]:
        waiting, reached = list(reversed(versions)), NEVER
        for timestamp, activity in found.activities():
            while waiting and max(reached, waiting[-1].at) < timestamp:
                reached = max(reached, waiting[-1].at)
                yield waiting.pop()
            yield activity
        yield from reversed(waiting)
        yield End(until)

    return steps

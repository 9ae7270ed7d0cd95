"""One lead of a running system, found by any of its keys, read and viewed."""

from collections.abc import Sequence

from stream_app.runtime.lead import Lead
from stream_app.serving.lead_view import LeadView, lead_view
from stream_app.serving.lookup import Erased, StoredLead, published_of, stored_lead
from stream_app.serving.reading import TopicReader
from stream_app.serving.subjects import lead_from
from stream_app.worker.composition import Scoring
from stream_app.worker.entries import state_of


async def view_of_lead(
    reader: TopicReader, scoring: Scoring, meant: Sequence[str], at: int | None = None, limit: int | None = None
) -> LeadView | Erased | None:
    """The view of the lead that the likeliest of some keys (`keys_meant`) stands for; None where there is none.

    `at` is a time in milliseconds; default: the lead's clock.
    """
    stored = await stored_lead(reader, meant)
    if stored is None or isinstance(stored, Erased):
        return stored
    return await view_of_stored(reader, scoring, stored, at, limit)


async def view_of_stored(
    reader: TopicReader, scoring: Scoring, stored: StoredLead, at: int | None, limit: int | None
) -> LeadView:
    """The view of a lead that has been found."""
    plan, state = scoring.leads, state_of(stored.entry)

    def load() -> Lead:
        return lead_from(plan, state)

    lead = load()
    keys = known_keys(lead, stored)
    records = await published_of(reader, keys, stored.key, lead.account_id)
    return lead_view(load, keys, records, at, limit)


def known_keys(lead: Lead, stored: StoredLead) -> list[str]:
    """The keys of a person: the lead's own first, then its aliases."""
    links = (key for key, held in sorted(lead.subject.links.items()) if held)
    return list(dict.fromkeys([stored.key, *links, *reversed(stored.asked)]))

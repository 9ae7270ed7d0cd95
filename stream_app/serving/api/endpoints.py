"""What is asked and answered under `/api/v1`, but for the stream (`stream.py`)."""

import orjson

from stream_app.errors import KnownError
from stream_app.serving.api import cursors, reads
from stream_app.serving.api.asked import Asked
from stream_app.serving.api.problems import bad_parameter, not_found
from stream_app.serving.api.service import Endpoint, Service
from stream_app.serving.keys import keys_meant
from stream_app.serving.lookup import Document
from stream_app.serving.projection.base import Query
from stream_app.serving.projection.changes import Subject
from stream_app.serving.projection.lists import ListError, facets_of_names, page_of, score_asked

_LISTS = ("score", "stage", "band", "owner", "account", "order", "limit", "cursor")


async def leads(service: Service, asked: Asked) -> Document:
    """The ranked queue."""
    return await _list(service, asked, "lead")


async def accounts(service: Service, asked: Asked) -> Document:
    """Accounts, ranked."""
    return await _list(service, asked, "account")


async def lead(service: Service, asked: Asked) -> Document:
    """A lead's score record, as last published."""
    found = await _lead(service, asked)
    document = reads.document_of(found.row)
    if document is None:
        raise not_found("no score of this lead was published yet")
    return document


async def lead_explanation(service: Service, asked: Asked) -> Document:
    """Why a lead's scores are what they are, or will be."""
    view = await _lead_view(service, asked)
    return {name: view[name] for name in ("lead", "at", "clock", "model", "scores", "raw", "explanation", "notes")}


async def lead_view(service: Service, asked: Asked) -> Document:
    """The single view of a lead."""
    return await _lead_view(service, asked, asked.limit())


async def lead_transitions(service: Service, asked: Asked) -> Document:
    """A lead's transitions, newest first, under all its keys."""
    found = await _lead(service, asked)
    keys = reads.keys_of(service.settings.in_force().scoring, found)
    moves = await reads.lead_moves(service.projection, keys, found.row)
    return _history(asked, found.key, moves)


async def account(service: Service, asked: Asked) -> Document:
    """An account's score record, as last published."""
    document = reads.document_of(await service.projection.row("account", asked.path("id")))
    if document is None:
        raise not_found("there is no such account, or no score of it was published yet")
    return document


async def account_explanation(service: Service, asked: Asked) -> Document:
    """As `lead_explanation`."""
    view = await _account_view(service, asked)
    names = ("account_id", "at", "clock", "model", "scores", "raw", "explanation", "notes")
    return {name: view[name] for name in names}


async def account_view(service: Service, asked: Asked) -> Document:
    """The single view of an account."""
    return await _account_view(service, asked, asked.limit())


async def account_transitions(service: Service, asked: Asked) -> Document:
    """An account's transitions, newest first."""
    name = asked.path("id")
    row = await service.projection.row("account", name)
    if row.value is None and row.entry is None and not row.moves:
        raise not_found("there is no such account")
    return _history(asked, name, reads.account_moves(row))


ENDPOINTS = (
    Endpoint("/leads", "leads:read", _LISTS, leads),
    Endpoint("/leads/{key}", "leads:read", (), lead),
    Endpoint("/leads/{key}/explanation", "leads:read", ("at",), lead_explanation),
    Endpoint("/leads/{key}/view", "leads:read", ("at", "limit"), lead_view),
    Endpoint("/leads/{key}/transitions", "leads:read", ("limit", "cursor"), lead_transitions),
    Endpoint("/accounts", "accounts:read", [name for name in _LISTS if name not in ("account", "owner")], accounts),
    Endpoint("/accounts/{id}", "accounts:read", (), account),
    Endpoint("/accounts/{id}/explanation", "accounts:read", ("at",), account_explanation),
    Endpoint("/accounts/{id}/view", "accounts:read", ("at", "limit"), account_view),
    Endpoint("/accounts/{id}/transitions", "accounts:read", ("limit", "cursor"), account_transitions),
)


async def _lead(service: Service, asked: Asked) -> reads.FoundLead:
    try:
        meant = keys_meant(asked.path("key"))
    except KnownError as error:
        raise bad_parameter("key", str(error)) from None
    return await reads.find_lead(service.projection, meant)


async def _lead_view(service: Service, asked: Asked, limit: int = 1) -> Document:
    at = asked.time()
    found = await _lead(service, asked)
    material = await reads.lead_material(service.projection, service.settings.in_force().scoring, found)
    view: Document = await service.compute(lambda: material.view(at, limit).as_json())
    return view


async def _account_view(service: Service, asked: Asked, limit: int = 1) -> Document:
    at = asked.time()
    material = await reads.account_material(service.projection, service.settings.in_force().scoring, asked.path("id"))
    view: Document = await service.compute(lambda: material.view(at, limit).as_json())
    return view


async def _list(service: Service, asked: Asked, subject: Subject) -> Document:
    now = service.settings.in_force()
    model = now.scoring.model
    card = model.lead if subject == "lead" else model.account
    order = asked.text("order") or "highest"
    if order not in ("highest", "lowest"):
        raise bad_parameter("order", "expected highest or lowest")
    names = [asked.text(name) for name in ("stage", "band", "owner", "account")]
    try:
        score = score_asked(card, now.ranked, asked.text("score"))
        facets = facets_of_names(card, *names)
    except ListError as error:
        raise bad_parameter(error.name, str(error)) from None
    bound = cursors.question(subject, score, order, facets)
    text = asked.params.get("cursor")
    after = None if text is None else cursors.read_spot(text, bound)
    query = Query(subject, score, facets, asked.limit(), after, order == "lowest")
    page = await page_of(service.projection, query)
    return {
        "score": score,
        "order": order,
        "items": [orjson.Fragment(record) for _, record in page.rows],
        "next": None if page.last is None else cursors.spot_text(bound, page.last),
    }


def _history(asked: Asked, who: str, moves: list[Document]) -> Document:
    bound = cursors.question("transitions", who)
    text = asked.params.get("cursor")
    limit = asked.limit()
    newest = moves[::-1]
    if text is not None:
        before = cursors.read_move(text, bound)
        newest = [document for document in newest if reads.move_order(document) < before]
    page = newest[:limit]
    more = len(newest) > len(page)
    return {"items": page, "next": cursors.move_text(bound, reads.move_order(page[-1])) if more else None}

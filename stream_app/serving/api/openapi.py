"""The OpenAPI document, made of the endpoints and of the contracts in `schemas/`: what is served and what is checked in."""

import re
from typing import Any

import orjson

from stream_app.serving.api.asked import LARGEST_PAGE, LONGEST_NAME, PAGE
from stream_app.serving.api.cursors import LONGEST
from stream_app.serving.api.endpoints import ENDPOINTS
from stream_app.serving.api.keyring import SCOPES
from stream_app.serving.api.service import Endpoint
from stream_app.serving.api.stream import STREAM
from stream_app.topics import schemas_folder

Document = dict[str, Any]

_NAME: Document = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME, "pattern": r"^[^\x00-\x1f]+$"}
_PARAMS: dict[str, tuple[str, Document]] = {
    "score": ("What to rank by. Default: the model's combined score, else its first.", _NAME),
    "stage": ("`LADDER:STAGE`, or a stage that is on one ladder only.", _NAME),
    "band": ("`NAME:BAND`, or a band that only one score has.", _NAME),
    "owner": ("Leads of this owner.", _NAME),
    "account": ("Members of this account.", _NAME),
    "order": ("Where to begin.", {"enum": ["highest", "lowest"], "default": "highest"}),
    "limit": ("So many at most.", {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE}),
    "cursor": ("`next` of the page before.", {"type": "string", "maxLength": LONGEST, "pattern": "^[A-Za-z0-9_-]*$"}),
    "at": (
        "A later time (RFC 3339, or `now`), if nothing happens until then. Default: the latest event or change by time.",
        {"type": "string", "maxLength": 64},
    ),
    "subject": ("Only leads', or only accounts'.", {"enum": ["lead", "account"]}),
    "ladder": ("Only of this ladder; erasures are always told.", _NAME),
}
_SUMMARIES: dict[str, tuple[str, str]] = {
    "/leads": ("The ranked queue: by score, then by recency, then by key", "LeadPage"),
    "/leads/{key}": ("A lead's score record", "LeadScore"),
    "/leads/{key}/explanation": ("Why a lead's scores are what they are, now or later", "LeadExplanation"),
    "/leads/{key}/view": ("All that is known of a lead", "View"),
    "/leads/{key}/transitions": ("A lead's transitions, newest first", "TransitionPage"),
    "/accounts": ("Accounts, ranked", "AccountPage"),
    "/accounts/{id}": ("An account's score record", "AccountScore"),
    "/accounts/{id}/explanation": ("Why an account's scores are what they are, now or later", "AccountExplanation"),
    "/accounts/{id}/view": ("All that is known of an account", "View"),
    "/accounts/{id}/transitions": ("An account's transitions, newest first", "TransitionPage"),
    "/transitions/stream": ("Transitions and erasures as they come, as server-sent events", ""),
}
_IN_PATH = {
    "key": "`user:ID`, `email:ADDRESS` or `anon:ID`, any that the lead is known by; or a bare one. Percent-encoded.",
    "id": "The account's id. Percent-encoded.",
}
_PROBLEMS = {
    "400": "A parameter is wrong",
    "401": "No valid API key",
    "403": "The key lacks the scope",
    "404": "Not found",
    "405": "Only GET and HEAD",
    "503": "Try again later: the projection is being built, or its server is away",
}


def openapi() -> Document:
    """The document (OpenAPI 3.1)."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "stream-app query API",
            "version": "1",
            "description": "Scores of leads and accounts, why, and their transitions. Read only. See docs/query-api.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": {f"/api/v1{one.path}": {"get": _operation(one)} for one in (*ENDPOINTS, STREAM)},
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": f"An API key. Scopes: {', '.join(SCOPES)}."}
            },
            "schemas": _schemas(),
        },
    }


def _operation(endpoint: Endpoint) -> Document:
    summary, schema = _SUMMARIES[endpoint.path]
    described: list[Document] = [
        {"name": name, "in": "path", "required": True, "description": _IN_PATH[name], "schema": _NAME}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]
    for name in endpoint.params:
        text, of = _PARAMS[name]
        described.append({"name": name, "in": "query", "description": text, "schema": of})
    if endpoint is STREAM:
        text = "The id of the last event that was received."
        described.append({"name": "Last-Event-ID", "in": "header", "description": text, "schema": _PARAMS["cursor"][1]})
        return _described(endpoint, summary, described, {"text/event-stream": {"schema": {"type": "string"}}}, {})
    text = "ETags that the client has."
    described.append(
        {"name": "If-None-Match", "in": "header", "description": text, "schema": {"type": "string", "maxLength": 4096}}
    )
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return _described(endpoint, summary, described, content, {"ETag": {"schema": {"type": "string"}}})


def _described(
    endpoint: Endpoint, summary: str, params: list[Document], content: Document, headers: Document
) -> Document:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses: Document = {"200": {"description": "OK", "headers": headers, "content": content}}
    if headers:
        responses["304"] = {"description": "The client has it", "headers": headers}
    else:
        responses["429"] = {"description": "Too many streams", "content": problem}
    responses |= {status: {"description": text, "content": problem} for status, text in _PROBLEMS.items()}
    words = re.findall(r"\w+", endpoint.path)
    return {
        "operationId": "_".join(words),
        "summary": summary,
        "description": f"Scope: `{endpoint.scope}`.",
        "parameters": params,
        "responses": responses,
    }


def _schemas() -> Document:
    found: Document = {
        "LeadScore": _contract("lead-scores"),
        "AccountScore": _contract("account-scores"),
        "Transition": _contract("transitions"),
    }
    for name, schema in _contract("output")["$defs"].items():
        found[f"output.{name}"] = schema
    found |= {
        "LeadPage": _page("LeadScore", score={"type": "string"}, order={"type": "string"}),
        "AccountPage": _page("AccountScore", score={"type": "string"}, order={"type": "string"}),
        "TransitionPage": _page("Transition"),
        "LeadExplanation": _object("lead", at={"type": "string", "format": "date-time"}),
        "AccountExplanation": _object("account_id", at={"type": "string", "format": "date-time"}),
        "View": {
            "type": "object",
            "description": "docs/single-view.md, JSON.",
            "required": ["at", "clock", "scores", "ladders", "explanation", "next", "transitions", "transitions_total"],
        },
        "Problem": {
            "type": "object",
            "description": "RFC 9457.",
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": {"type": "string", "format": "uri"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "parameter": {"type": "string"},
            },
        },
    }
    return found


def _page(of: str, **more: Document) -> Document:
    items = {"type": "array", "maxItems": LARGEST_PAGE, "items": {"$ref": f"#/components/schemas/{of}"}}
    following = {"type": ["string", "null"], "description": "The cursor of the next page; null: there is none."}
    properties = {**more, "items": items, "next": following}
    return {"type": "object", "required": list(properties), "properties": properties}


def _object(key: str, **more: Document) -> Document:
    reference = "#/components/schemas/output."
    properties: Document = {
        key: {"type": "string"},
        **more,
        "clock": {"type": "string", "format": "date-time"},
        "model": {"$ref": f"{reference}model"},
        "scores": {"$ref": f"{reference}numbers"},
        "raw": {"$ref": f"{reference}numbers"},
        "explanation": {
            "type": "object",
            "description": "By score: its rules' parts, groups and clamps, and their sum.",
        },
        "notes": {"type": "array", "items": {"type": "string"}},
    }
    return {"type": "object", "required": list(properties), "properties": properties}


def _contract(name: str) -> Document:
    """A schema of `schemas/` with its references turned to this document's."""
    text = (schemas_folder() / f"{name}.schema.json").read_text(encoding="utf-8")
    text = re.sub(r'"(?:output\.schema\.json)?#/\$defs/(\w+)"', r'"#/components/schemas/output.\1"', text)
    schema: Document = orjson.loads(text)
    schema.pop("$schema", None)
    schema.pop("$id", None)
    return schema


if __name__ == "__main__":
    print(orjson.dumps(openapi(), option=orjson.OPT_INDENT_2).decode())

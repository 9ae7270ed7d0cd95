"""The JSON Schemas of `schemas/` as validators. Each process reads a file once, when it first needs it."""

from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

from stream_app.topics import schemas_folder

_BASE = "stream-app:/schemas/"


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema in the file `name` of `schemas/`. The caller must not change it."""
    found: dict[str, Any] = msgspec.json.decode((schemas_folder() / name).read_bytes())
    return found


@cache
def _registry() -> jsonschema_rs.Registry:
    files = sorted(schemas_folder().glob("*.schema.json"))
    return jsonschema_rs.Registry([(_BASE + file.name, schema(file.name)) for file in files])


def validator(name: str, *, mask: str | None = None) -> jsonschema_rs.Draft202012Validator:
    """A validator for the schema file `name`, its references to other files resolved, `format` asserted.

    `mask` stands for values in messages, which otherwise quote them.
    """
    return jsonschema_rs.Draft202012Validator(schema(name), registry=_registry(), validate_formats=True, mask=mask)

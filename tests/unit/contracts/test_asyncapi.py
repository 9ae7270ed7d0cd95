"""The AsyncAPI document is valid, resolves, and says what the manifest says."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from ruamel.yaml import YAML

from stream_app.topics import load_manifest, schemas_folder

OFFICIAL = Path(__file__).parent / "asyncapi-3.0.0.json"


@pytest.fixture(scope="module")
def document() -> Any:
    return YAML(typ="safe", pure=True).load(schemas_folder() / "asyncapi.yaml")


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    return [found for value in node for found in _references(value)] if isinstance(node, list) else []


def _resolve(document: Any, reference: str) -> Any:
    file, _, pointer = reference.partition("#")
    node = document if not file else msgspec.json.decode((schemas_folder() / file).read_bytes())
    for part in pointer.split("/")[1:]:
        node = node[part]
    return node


def test_it_is_a_valid_asyncapi_3_document(document: Any) -> None:
    """Judged by AsyncAPI's own JSON Schema, which also refuses a document with a misspelt field."""
    official = jsonschema_rs.validator_for(msgspec.json.decode(OFFICIAL.read_bytes()))
    assert [fault.message for fault in official.iter_errors(document)] == []
    assert not official.is_valid({**document, "chanels": {}})
    assert not official.is_valid({**document, "operations": {"x": {"action": "publish"}}})


def test_every_reference_resolves(document: Any) -> None:
    """Inside the document and to the schema files."""
    references = _references(document)
    assert len(references) > 30
    assert all(_resolve(document, reference) for reference in references)


def test_it_names_the_topics_and_schemas_of_the_manifest(document: Any) -> None:
    """Every topic with a public contract, in its direction, and no other."""
    stated = {}
    for operation in document["operations"].values():
        channel = _resolve(document, operation["channel"]["$ref"])
        message = _resolve(document, _resolve(document, operation["messages"][0]["$ref"])["$ref"])
        contract = message.get("payload") or message["headers"]
        stated[channel["address"]] = (operation["action"], contract["schema"]["$ref"])
    expected = {
        topic.base: ("receive" if topic.kind == "event" else "send", f"./{topic.schema}")
        for topic in load_manifest()
        if topic.schema
    }
    assert stated == expected

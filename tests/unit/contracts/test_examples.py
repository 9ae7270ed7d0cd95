"""Every schema has examples, the valid ones are accepted, and each invalid one is refused for the reason it states."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from stream_app.contracts import schema, validator
from stream_app.engine.activity import Activity
from stream_app.ingest import Refusal, parse_event
from stream_app.topics import load_manifest, schemas_folder

SHARED = {"event.schema.json", "output.schema.json"}
BESIDES = {"erased.schema.json"}
"""What else a topic has: transitions."""
EXAMPLES = schemas_folder() / "examples"
EVENT_CHANNELS = {topic.base: topic.channel for topic in load_manifest().events()}


def _files(kind: str) -> list[Path]:
    return sorted(EXAMPLES.glob(f"*/{kind}/*.json"))


def _name(path: Path) -> str:
    return f"{path.parent.parent.name}-{path.stem}"


def _load(path: Path) -> Any:
    return msgspec.json.decode(path.read_bytes())


def test_every_schema_belongs_to_a_topic_and_has_examples_of_both_kinds() -> None:
    """No orphans: files, manifest and examples name the same schemas."""
    files = {path.name for path in schemas_folder().glob("*.schema.json")} - SHARED
    of_topics = {topic.schema for topic in load_manifest() if topic.schema}
    assert files == of_topics | BESIDES
    for kind in ("valid", "invalid"):
        assert {f"{path.parent.parent.name}.schema.json" for path in _files(kind)} == files
    assert all(path.parent.name in ("valid", "invalid") for path in EXAMPLES.rglob("*.json"))


@pytest.mark.parametrize("name", sorted(path.name for path in schemas_folder().glob("*.schema.json")))
def test_schemas_are_valid_2020_12_without_misspelt_keywords(name: str) -> None:
    """A schema with a typo in a keyword would accept everything: only the keywords we use are known."""
    validator(name)
    known = {"$schema", "$id", "$ref", "$defs", "title", "description", "default", "type", "required", "properties"}
    known |= {"additionalProperties", "unevaluatedProperties", "patternProperties", "propertyNames", "items", "const"}
    known |= {"allOf", "anyOf", "oneOf", "not", "if", "then", "enum", "format", "pattern", "minLength", "maxLength"}
    known |= {"minimum", "exclusiveMinimum", "exclusiveMaximum", "maxItems", "maxProperties"}
    assert _keywords(schema(name)) <= known


def _keywords(node: Any) -> set[str]:
    """The keywords of a schema and of the schemas inside it."""
    if not isinstance(node, dict):
        return set()
    found = set(node)
    for keyword, value in node.items():
        if keyword in ("properties", "$defs", "patternProperties"):
            for inner in value.values():
                grouped = keyword == "$defs" and "identity" in inner
                found |= _keywords(inner["identity"]) if grouped else _keywords(inner)
        elif keyword not in ("const", "enum", "default"):
            for inner in value if isinstance(value, list) else [value]:
                found |= _keywords(inner)
    return found


@pytest.mark.parametrize("path", _files("valid"), ids=_name)
def test_valid_examples_are_accepted(path: Path) -> None:
    """What the schema accepts the parser accepts, for events."""
    topic = path.parent.parent.name
    assert list(validator(f"{topic}.schema.json").iter_errors(_load(path))) == []
    if topic in EVENT_CHANNELS:
        assert isinstance(parse_event(path.read_bytes(), channel=EVENT_CHANNELS[topic]), Activity)


@pytest.mark.parametrize("path", _files("invalid"), ids=_name)
def test_invalid_examples_are_refused_for_the_reason_they_state(path: Path) -> None:
    """`keyword` and the place it failed at; for events also the code and the pointer that a dead letter would carry."""
    topic, example = path.parent.parent.name, _load(path)
    faults = list(validator(f"{topic}.schema.json").iter_errors(example["instance"]))
    assert example["why"]
    assert example["keyword"] in {_keyword(fault) for fault in faults}
    if topic not in EVENT_CHANNELS:
        assert example["pointer"] in {_pointer(fault) for fault in faults}
        return
    with pytest.raises(Refusal) as refused:
        parse_event(msgspec.json.encode(example["instance"]), channel=EVENT_CHANNELS[topic])
    pointer = example["pointer"] if example["code"] == "schema" else ""
    assert (refused.value.code, refused.value.pointer) == (example["code"], pointer)


def _keyword(fault: Any) -> str:
    keywords = [part for part in fault.schema_path if isinstance(part, str)]
    return "propertyNames" if "propertyNames" in keywords else keywords[-1]


def _pointer(fault: Any) -> str:
    return "".join(f"/{part}" for part in fault.instance_path)

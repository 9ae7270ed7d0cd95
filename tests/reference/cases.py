"""Reading a conformance case: model.yaml, events.ndjson, until and the expected results."""

from __future__ import annotations

import copy
import json
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.reference.replaying import Result
from tests.reference.timeline import parse_time


def load_model(path: Path) -> dict[str, Any]:
    """A model document, YAML 1.2."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    document: dict[str, Any] = yaml.load(path.read_text("utf-8"))
    return document


def model_text(document: dict[str, Any]) -> str:
    """A model document as YAML, without anchors."""
    yaml, out = YAML(typ="safe", pure=True), StringIO()
    yaml.default_flow_style = None
    yaml.version = (1, 2)
    yaml.dump(copy.deepcopy(document), out)
    return out.getvalue()


def load_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of an NDJSON file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def load_case(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]], int, Result]:
    """Model, events, until and expected result of a case."""
    expected = Result(load_lines(folder / "transitions.ndjson"), load_lines(folder / "scores.ndjson"))
    until = parse_time((folder / "until").read_text("utf-8"))
    return load_model(folder / "model.yaml"), load_lines(folder / "events.ndjson"), until, expected

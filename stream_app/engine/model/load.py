"""A model file's text to a frozen, validated model: every problem at once, each with its place."""

import hashlib
from dataclasses import replace
from typing import Any, Final, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import rfc8785

from stream_app.engine.model.cursor import MAX_TEXT, Cursor, sweep
from stream_app.engine.model.depends import account_score_names, feedback
from stream_app.engine.model.document import parse_document
from stream_app.engine.model.names import Names, gather
from stream_app.engine.model.node import Node
from stream_app.engine.model.problems import ModelError, Problems, shown
from stream_app.engine.model.read_ladders import read_ladders
from stream_app.engine.model.read_machines import read_machines
from stream_app.engine.model.read_rules import Frame, read_rules
from stream_app.engine.model.read_scores import read_bands, read_combined, read_grades, read_groups, read_scores
from stream_app.engine.model.types import Model, Scorecard
from stream_app.engine.times import DAY, HOUR, MINUTE

__all__ = ["ModelError", "load_model"]

MAX_UNITS: Final = 10_000
MAX_WINDOW: Final = 800 * DAY
SCORECARD_KEYS: Final = ("scores", "combined", "grades", "bands", "groups", "rules", "ladders")
MODEL_KEYS: Final = (
    "model",
    "description",
    "resolution",
    "timezone",
    "lateness",
    "max_future_skew",
    "audience",
    "machines",
    *SCORECARD_KEYS,
    "account",
)


def load_model(text: str, source: str) -> Model:
    """The model that a YAML 1.2 or JSON text describes; `source` names it in messages.

    Raises `ModelError`, which holds every problem with file, line, column, path, what was expected and what was found.
    """
    root = parse_document(text, source)
    problems = Problems(source)
    at = Cursor(root, "", problems)
    if not at.keys(MODEL_KEYS, "a model: a mapping with the keys model, scores, rules, ..."):
        problems.raise_any()
    for _ in sweep(root, "", problems):
        pass
    model = _read_model(at, root)
    problems.raise_any()
    return model


def canonical_version(document: dict[str, Any]) -> str:
    """The SHA-256 (hex) of a document's canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()


def _read_model(at: Cursor, root: Node) -> Model:
    name = at.need("model", "a name for the model")
    resolution = _duration(at, "resolution", HOUR, MINUTE, DAY)
    audience = at.get("audience")
    words = ("business", "consumer")
    chosen = audience.choice(words, "an audience") if audience is not None else "business"
    lead_names, account_names = gather(root)
    longest = min(MAX_UNITS * resolution, MAX_WINDOW)
    taken: dict[str, str] = {}
    lead = _scorecard(at, Frame(lead_names, longest, chosen, {}, taken), None)
    account_at = at.get("account")
    account = Scorecard()
    if account_at is not None and account_at.keys(SCORECARD_KEYS, "an account's scores, rules and ladders"):
        account = _scorecard(account_at, Frame(account_names, longest, chosen, {}, taken), lead_names)
    _check_feedback(at, lead, account)
    problems = at.problems.found
    document = {} if problems else cast(dict[str, Any], root.plain())
    return Model(
        name=name.name("a name for the model") if name is not None else "",
        version="" if problems else canonical_version(document),
        lead=lead,
        account=account,
        description=_description(at),
        resolution=resolution,
        timezone=_timezone(at.get("timezone")),
        lateness=_duration(at, "lateness", 30 * DAY, MINUTE, MAX_WINDOW),
        max_future_skew=_duration(at, "max_future_skew", 5 * MINUTE, 0, MAX_WINDOW),
        audience=cast(Literal["business", "consumer"], chosen),
        machines=read_machines(at.get("machines")),
        document=document,
    )


def _scorecard(at: Cursor, frame: Frame, members: Names | None) -> Scorecard:
    names = frame.names
    scores = at.need("scores", "the scores that rules feed, such as {engagement: {clamp: [0, 100]}}")
    groups = read_groups(at.get("groups"), names)
    frame = replace(frame, group_scores={group.name: group.score for group in groups})
    return Scorecard(
        scores=read_scores(scores, names, members),
        combined=read_combined(at.get("combined"), names),
        grades=read_grades(at.get("grades"), names),
        bands=read_bands(at.get("bands"), names),
        groups=groups,
        rules=read_rules(at.get("rules"), frame),
        ladders=read_ladders(at.get("ladders"), names, frame.longest),
    )


def _check_feedback(at: Cursor, lead: Scorecard, account: Scorecard) -> None:
    """A roll-up may not take a score that depends on the account's (section 8)."""
    for score in account.scores:
        if score.rollup is None:
            continue
        path = feedback(lead, score.rollup.score, account_score_names(account))
        place: Cursor | None = at
        for key in ("account", "scores", score.name, "rollup", "score"):
            place = place.get(key) if place is not None else None
        if path and place is not None:
            place.problem(
                f"expected a score that does not depend on the account's own, found {shown(score.rollup.score)}, "
                f"which does: {' -> '.join(path)}"
            )


def _duration(at: Cursor, key: str, default: int, low: int, high: int) -> int:
    found = at.get(key)
    return found.duration(f"a {key}", low, high) if found is not None else default


def _description(at: Cursor) -> str:
    found = at.get("description")
    return found.text("a description", MAX_TEXT) if found is not None else ""


def _timezone(at: Cursor | None) -> str:
    if at is None:
        return "UTC"
    name = at.text("the name of a timezone, such as Europe/Berlin", 64)
    if name:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            at.expected("the name of a timezone, such as Europe/Berlin or UTC")
            return "UTC"
    return name

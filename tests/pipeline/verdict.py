"""What must hold of a system's topics after chaos, each breach told in a sentence."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from stream_app.worker.composition import compose
from tests.pipeline.system import System
from tests.pipeline.tables import accounts_at, leads_at

Documents = Mapping[str, Any]


async def problems(
    system: System,
    expected: Mapping[str, list[Any]],
    dead: Iterable[str],
    at: int,
    wanderers: AbstractSet[str] = frozenset(),
) -> list[str]:
    """How the topics differ from a replay's `scores` and `transitions`, and which records are lost or repeated.

    `dead` are the keys of all dead letters, `at` (ms) is the time of the scores. Of `wanderers` the scores must be the
    replay's, the stages not.
    """
    found: list[str] = []
    letters = Counter(record.key.decode() for record in await system.records("dead-letters"))
    found += _differ("dead letters", letters, Counter(dead))
    scoring = compose(system.model, system.manifest)
    leads = {record["lead"]: record for record in expected["scores"] if "lead" in record}
    accounts = {record["account_id"]: record for record in expected["scores"] if "lead" not in record}
    tables = {
        "lead": leads_at(scoring, await system.entries("lead"), at),
        "account": accounts_at(scoring, await system.entries("account"), at),
    }
    for kind, documents in (("lead", leads), ("account", accounts)):
        published = await system.latest(f"{kind}-scores")
        parts = ("scores", "stages") if kind == "lead" else ("scores",)
        for part in parts:
            loose = wanderers if part == "stages" else frozenset()
            found += _differ(f"{kind} {part}", _part(published, part, loose), _part(documents, part, loose))
        found += _differ(f"{kind} table", _rounded(tables[kind]), _rounded(documents))
        found += await _revisions(system, kind)
    moves: dict[str, list[Any]] = {}
    for transition in expected["transitions"]:
        if transition["subject"] == "lead":
            moves.setdefault(transition["lead"], []).append(transition)
    made = await system.transitions()
    found += _differ(
        "transitions", *({key: one for key, one in some.items() if key not in wanderers} for some in (made, moves))
    )
    return [
        *found,
        *ladders("lead", made, wanderers | _heirs(moves)),
        *ladders("account", await system.transitions("account")),
    ]


def _heirs(moves: Mapping[str, list[Any]]) -> AbstractSet[str]:
    """The leads that went on counting where one that was merged into them had stopped."""
    return {key for key, some in moves.items() if some[0]["seq"] > 1}


def _part(documents: Documents, part: str, without: AbstractSet[str]) -> Documents:
    return {key: document[part] for key, document in documents.items() if key not in without}


def _rounded(documents: Documents) -> Documents:
    """Exact scores to eight decimals: a sum's order of addition does not show."""
    return {
        key: {name: None if raw is None else round(raw, 8) + 0.0 for name, raw in document["raw"].items()}
        for key, document in documents.items()
    }


def _differ(what: str, actual: Documents, expected: Documents) -> Iterator[str]:
    wrong = sorted(key for key in actual.keys() | expected.keys() if actual.get(key) != expected.get(key))
    if wrong:
        first = wrong[0]
        shown = f"{first}: {actual.get(first)} not {expected.get(first)}"
        yield f"{what}: {len(wrong)} of {len(expected)} are wrong, first {shown[:600]}"


async def _revisions(system: System, kind: str) -> list[str]:
    """The revisions of score records rise from record to record; compaction may leave some out."""
    last: dict[bytes, int] = {}
    wrong = 0
    for record in await system.records(f"{kind}-scores"):
        if record.value is None:
            continue  # merged or erased: whoever comes back goes on counting
        revision = json.loads(record.value)["revision"]
        wrong += revision <= last.get(record.key, 0)
        last[record.key] = revision
    return [f"{kind} scores: {wrong} records do not follow the one before"] if wrong else []


def ladders(kind: str, made: Mapping[str, list[Any]], heirs: AbstractSet[str] = frozenset()) -> Iterator[str]:
    """On every ladder of a subject `seq` counts from 1, each transition starts where the one before ended; ids differ.

    `heirs` may have taken over the stages of others, and go on counting from there.
    """
    repeats = gaps = torn = 0
    ids: Counter[str] = Counter()
    for key, moves in made.items():
        last: dict[str, Any] = {}
        for move in moves:
            ids[move["id"]] += 1
            before = last.get(move["ladder"])
            step = move["seq"] - (before["seq"] if before is not None else 0)
            repeats += step < 1
            gaps += step > 1 and not (before is None and key in heirs)
            torn += before is not None and before["to"] != move["from"]
            last[move["ladder"]] = move
    twice = sum(count > 1 for count in ids.values())
    if repeats or gaps or torn or twice:
        yield f"{kind} ladders: {repeats} repeats and {gaps} gaps in seq, {torn} do not join on, {twice} ids are not unique"

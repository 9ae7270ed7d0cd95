"""What readers of a system were told, held to what they may rely on."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol


class _Record(Protocol):
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


def faults(records: Iterable[_Record], moves: Mapping[str, Sequence[Any]], version: str) -> list[str]:
    """What is wrong with all score records of a topic and the transitions of their subjects.

    Revisions grow by one; transitions are numbered without a gap and join on; the last of them ends where the score record
    stands, and that is under the version in force.
    """
    revisions: dict[str, list[int]] = {}
    latest: dict[str, Any] = {}
    for record in records:
        key = (record.key or b"").decode()
        if record.value is None:
            latest.pop(key, None)
            continue
        latest[key] = json.loads(record.value)
        revisions.setdefault(key, []).append(latest[key]["revision"])
    found = [f"{key}: revisions {some}" for key, some in revisions.items() if some != list(range(1, len(some) + 1))]
    found += [
        f"{key}: under {record['model']}" for key, record in latest.items() if record["model"]["version"] != version
    ]
    for key, record in latest.items():
        for ladder, stage in record["stages"].items():
            made = [one for one in moves.get(key, []) if one["ladder"] == ladder]
            if [one["seq"] for one in made] != list(range(1, len(made) + 1)):
                found.append(f"{key}: transitions numbered {[one['seq'] for one in made]}")
            if [one["from"] for one in made[1:]] != [one["to"] for one in made[:-1]]:
                found.append(f"{key}: transitions do not join on: {[(one['from'], one['to']) for one in made]}")
            if made and made[-1]["to"] != stage:
                found.append(f"{key}: stands on {stage}, and its last transition led to {made[-1]['to']}")
    return found

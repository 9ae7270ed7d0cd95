"""The small job, the same for every contender: one half-life score a lead, a message when 50 is crossed upwards.

Only the standard library: contenders of other environments import it too.
"""

import json
import struct
import sys
import time
from dataclasses import asdict, dataclass

DAY_MS = 86_400_000.0
POINTS = 5.0
THRESHOLD = 50.0

BEGAN = "began"
"""The head of the names of files in which a contender says when it began, where its messages do not."""

STATE = struct.Struct(">dq")
"""A lead's state where the contender keeps bytes: score, and its time in ms since the epoch."""


def after_event(score: float, then: int, at: int) -> float:
    """The score after an event at `at` (ms), of one that was `score` at `then`; a new lead's is 0 at 0."""
    return float(score * 0.5 ** ((at - then) / DAY_MS) + POINTS)


def crossing(lead: str, event_id: str, score: float) -> dict[str, object]:
    """What is told when 50 is crossed; `now` (ms) is when the contender came to it."""
    return {"lead": lead, "event_id": event_id, "score": score, "now": time.time() * 1000}


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a contender is told: the broker, its inputs and its output, the name of its group, and a folder of its own.

    `changelog` is a compacted topic that was made for it; frames that make their own leave it alone. `clock` is for the
    contender with the whole model.
    """

    broker: str
    inputs: list[str]
    output: str
    changelog: str
    group: str
    folder: str
    partitions: int
    clock: str = "event"


def task_of_arguments() -> Task:
    """The task on the command line."""
    return Task(**json.loads(sys.argv[1]))


def as_argument(task: Task) -> str:
    """A task as a word of a command line."""
    return json.dumps(asdict(task))

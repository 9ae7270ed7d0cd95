"""A generation beside the live one, compared by their score records."""

from typing import Any

import msgspec

from stream_app.publishing.comparing import Moved, Scores, _Record, compared


def record(stage: str, score: float, **reasons: float) -> _Record:
    """What of a score record is compared."""
    told: dict[str, Any] = {"scores": {"total": score}, "stages": {"lifecycle": stage}}
    told["reasons"] = [{"rule": rule, "points": points} for rule, points in reasons.items()]
    return msgspec.convert(told, _Record)


def test_who_stands_elsewhere_and_why() -> None:
    """Counts by stage, scores of those that both have, and the rules whose points differ, the greatest difference first."""
    live = {"a": record("known", 10, view=10), "b": record("mql", 40), "c": record("mql", 50)}
    beside = {"a": record("mql", 30, view=25, click=5), "b": record("mql", 40), "d": record("known", 1)}
    found = compared(live, beside)
    assert (found.subjects, found.same, found.only_live, found.only_beside) == (4, 1, 1, 1)
    assert found.stages == {("lifecycle", "known"): (1, 1), ("lifecycle", "mql"): (2, 2)}
    assert found.scores == {"total": Scores(2, 25, 35, 25, 35, 1, 0)}
    assert found.moved == [
        Moved("c", "lifecycle", "mql", None, ()),
        Moved("d", "lifecycle", None, "known", ()),
        Moved("a", "lifecycle", "known", "mql", (("view", 15.0), ("click", 5.0))),
    ]


def test_nobody() -> None:
    """Nothing to compare is no error."""
    assert compared({}, {}).scores == {}

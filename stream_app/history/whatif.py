"""What if another model had scored the same history: who would have reached which stage, how many a week, and why."""

from collections.abc import Sequence
from typing import Any

import msgspec

from stream_app.engine.model.types import Ladder, Model
from stream_app.errors import KnownError
from stream_app.history.past import Past
from stream_app.history.pool import in_parallel
from stream_app.history.progress import Progress
from stream_app.history.whatif_part import OWNER, Question
from stream_app.history.whatif_summary import summary
from stream_app.history.whatif_tally import StageTally, Tally

USUAL = ("mql", "sql")
MOST_SEGMENTS = 8


def what_if(
    old: Model,
    new: Model,
    past: Past,
    *,
    ladder: str | None = None,
    stages: Sequence[str] = (),
    by: Sequence[str] = (),
    since: int | None = None,
    now: int,
    jobs: int,
    progress: Progress,
) -> dict[str, Any]:
    """The comparison as a JSON document (docs/what-if.md says what is in it).

    `ladder` and `stages` default to the ladder that has `mql` or `sql` and to those two, else to the first ladder and
    all its stages that are entered by score. `by` names facts by which leads are told apart; `since` (ms) leaves out
    what happened before, which is scored all the same. Raises `KnownError` for names that are in neither model.
    """
    name = chosen_ladder((old, new), ladder)
    wanted = chosen_stages((old, new), name, stages)
    if len(by) > MOST_SEGMENTS:
        raise KnownError(f"--by: at most {MOST_SEGMENTS} facts")
    question = Question(
        path=past.path,
        models=(document_of(old), document_of(new)),
        ladder=name,
        stages=tuple(wanted),
        by=tuple(dict.fromkeys((OWNER, *by))),
        since=since if since is not None else -1,
        until=past.until,
        now=now,
    )
    total = Tally({stage: _nothing(len(question.by)) for stage in wanted}, {})
    setup, parts = msgspec.msgpack.encode(question), past.parts(jobs)
    for result in in_parallel("stream_app.history.whatif_part:try_part", setup, parts, len(past), jobs, progress):
        total.add(msgspec.msgpack.decode(result, type=Tally))
    for side in (0, 1):
        total.refused[side] += past.unreadable
    return summary(old, new, question, total)


def document_of(model: Model) -> str:
    """A model's document as JSON text, which `load_model` reads."""
    return msgspec.json.encode(model.document).decode()


def chosen_ladder(models: Sequence[Model], given: str | None) -> str:
    """The ladder that is asked for, or meant, in all of the models. Raises `KnownError` where there is none."""
    found = [{ladder.name: ladder for ladder in model.lead.ladders} for model in models]
    common = [name for name in found[0] if all(name in ladders for ladders in found)]
    if given is not None and given not in common:
        raise KnownError(
            f"--ladder {given}: not a lead's ladder of every model (there are: {', '.join(common) or 'none'})"
        )
    if not common:
        raise KnownError("the models have no lead's ladder in common: there is no stage to reach")
    usual = [name for name in common if any(stage.name in USUAL for stage in found[-1][name].stages)]
    return given or (usual or common)[0]


def chosen_stages(models: Sequence[Model], ladder: str, given: Sequence[str]) -> list[str]:
    """The stages that are asked for, or meant, lowest first. Raises `KnownError` for one that a model has not."""
    ladders = [next(one for one in model.lead.ladders if one.name == ladder) for model in models]
    common = [name for name in _names(ladders[-1])[1:] if all(name in _names(one)[1:] for one in ladders)]
    for name in given:
        if name not in common:
            raise KnownError(f"--stages {name}: not a stage above the first of the ladder {ladder} in every model")
    usual = [name for name in common if name in USUAL]
    scored = [name for name in common if any(_entered(one, name) for one in ladders)]
    wanted = list(given) or usual or scored
    if not wanted:
        raise KnownError(f"the ladder {ladder} has no stage that is entered by score")
    return sorted(set(wanted), key=common.index)


def _names(ladder: Ladder) -> list[str]:
    return [stage.name for stage in ladder.stages]


def _entered(ladder: Ladder, name: str) -> bool:
    return any(stage.name == name and stage.enter is not None for stage in ladder.stages)


def _nothing(segments: int) -> StageTally:
    return StageTally({}, segments=[{} for _ in range(segments)], gained=[], lost=[])

"""The engine against the naive reference, over random models and histories, through the offline replay.

`REFERENCE_EXAMPLES` sets how many examples are drawn in all (default 2,000; `make fuzz` takes more).
"""

import json
import os
from io import BytesIO

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from stream_app.engine.model.load import load_model
from stream_app.engine.model.problems import ModelError
from stream_app.history.replay import Order, Refused, finish, ordered
from stream_app.history.replay import replay as engine_replay
from stream_app.ingest.ndjson import read_events
from stream_app.runtime.world import World
from tests.reference import Result, compare, replay
from tests.reference.cases import model_text
from tests.reference.strategies import Example, examples, minimise

PARTS = 8  # so that pytest-xdist can share them out
EXAMPLES = int(os.environ.get("REFERENCE_EXAMPLES", "2000")) // PARTS
# A smaller seed is no smaller example, so hypothesis need not shrink: `minimise` does.
RUN = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def engine(
    model: dict[str, object],
    events: list[dict[str, object]],
    until: int,
    now: int | None = None,
    order: Order = "arrival",
) -> Result:
    """What the engine's offline replay yields, in the reference's shape."""
    world = World(load_model(model_text(model), "model.yaml"))
    result = Result()

    def refused(refusal: Refused) -> None:
        result.dead_letters.append((refusal.line.number - 1, refusal.code))

    file = BytesIO(b"\n".join(json.dumps(event).encode() for event in events))
    lines = ordered(read_events(file, "events"), order)
    engine_replay(world, lines, now=now, transition=result.transitions.append, refused=refused)
    finish(world, until, result.transitions.append)
    result.scores = world.scores()
    return result


def differences(example: Example) -> list[str]:
    """What differs between the two on one example; of some with `--order time` and `--now`."""
    model, events, until = example
    order: Order = "time" if until % 5 == 0 and len(events) % 3 == 0 else "arrival"
    now = until if len(events) % 4 == 0 else None
    expected = replay(model, events, until=until, now=now, order=order)
    actual = engine(model, events, until, now, order)
    found = compare(expected, actual)
    if expected.dead_letters != actual.dead_letters:
        found.append(f"dead letters: expected {expected.dead_letters}, got {actual.dead_letters}")
    return found


def still_differs(example: Example) -> bool:
    """Whether a smaller example is a valid one that differs."""
    try:
        return bool(example[1]) and bool(differences(example))
    except ModelError:
        return False


def check(example: Example) -> None:
    """Fail with the smallest example that still differs."""
    if not differences(example):
        return
    model, events, until = smallest = minimise(example, still_differs)
    told = "\n".join([model_text(model), *map(json.dumps, events), f"until {until}", *differences(smallest)])
    pytest.fail(told, pytrace=False)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(PARTS))
def test_engine_agrees_with_the_reference(part: int) -> None:
    """Same transitions, scores and dead letters, numbers to 1e-9."""

    @RUN
    @given(examples(account_scores=part == 0))
    def run(example: Example) -> None:
        check(example)

    run()

"""A change of generations without Kafka: a desk, another beside it, and the steps from one to the next."""

import random
from collections.abc import Sequence

from stream_app.engine.model.types import Model
from stream_app.ingest.condemned import Condemned
from stream_app.worker.generations import Takeover, settle_output, takeover_output
from stream_app.worker.publications import Mode, publication
from tests.pipeline.desk import Desk


def beside(live: Desk, model: Model, number: int = 1, condemned: Sequence[Condemned] = ()) -> Desk:
    """A side generation."""
    return Desk(model, partitions=live.partitions, present=live.present, beside=(live, number), condemned=condemned)


def settle(side: Desk) -> None:
    """Stop a side generation: all its messages arrive, and every lane reports where it stands."""
    side.tell(settle_output)
    side.run()
    reports = {record.key for record in side.records("scoring-models") if (record.key or b"").startswith(b"side:")}
    assert len(reports) == 2 * side.partitions


def takeover_of(
    side: Desk,
    model: Model,
    publication_number: int,
    mode: Mode = "emit",
    *,
    at: int = 0,
    reason: str = "",
    condemned: Sequence[Condemned] = (),
) -> Takeover:
    """The message to the live lanes."""
    return Takeover(
        side.manifest.side,
        publication(model, publication_number, mode, at),
        side.manifest["lead-changelog"].name,
        side.manifest["account-changelog"].name,
        reason,
        list(condemned),
        list(condemned),
    )


def behind(live: Desk, side: Desk) -> bool:
    """Whether some live lane has not read as many events as the lane beside it."""
    return any(
        lane.taken.get(topic, 0) < side.lanes[unit].taken.get(topic, 0)
        for unit, lane in live.lanes.items()
        for topic in lane.inputs
        if live.manifest[topic].kind == "event"
    )


def take_over(live: Desk, side: Desk, takeover: Takeover, chance: random.Random | None = None) -> None:
    """Let the live lanes take a settled side generation over and make it public; with `chance` they are killed on the way."""
    while chance is not None and behind(live, side):
        live.nibble(chance, 5)  # and no more: messages are on their way when it begins
    if chance is None:
        live.run()
    live.tell(lambda topic, partition: takeover_output(topic, partition, takeover))
    while True:
        some = live.nibble(chance if chance is not None else random.Random(0), 5)
        if chance is not None and chance.random() < 0.1:
            live.restart(side, stop_after=chance.choice([0, 1, None]))
        if not live.reopen(side) and not some:
            return

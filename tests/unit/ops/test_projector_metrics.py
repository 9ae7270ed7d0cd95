"""What a projector counts, in Prometheus's words, and when it is taken for dead or not ready."""

import asyncio
import logging
import uuid
from types import SimpleNamespace

import orjson
import pytest
from prometheus_client import CollectorRegistry

from stream_app.ops.projector_metrics import ProjectorCollector, ProjectorHealth
from stream_app.serving.projection.base import Generations, Slice
from stream_app.serving.projection.changes import Change
from stream_app.serving.projection.watch import Watch
from tests.projection.records import change, move, move_document, score, tombstone
from tests.unit.ops.test_metrics import scraped

SCORES, MOVES = ("p.lead-scores", 1), ("p.transitions", 0)
NOW = 2_000_000_000


def watched() -> tuple[Watch, SimpleNamespace]:
    """A watch and its clock."""
    clock = SimpleNamespace(seconds=float(NOW))
    return Watch(lambda: clock.seconds), clock


def shown(watch: Watch) -> dict[str, float]:
    """What Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(ProjectorCollector(watch))
    return scraped(registry)


def test_a_batch_is_told() -> None:
    """Each change once, by kind and by what became of it; batches, their time, and how old their records were."""
    watch, _ = watched()
    changes: list[Change] = [score(0, "user:ann", 1, 5), tombstone(1, "user:bob"), score(2, "user:ann", 1, 5)]
    slices = [Slice(SCORES, 0, 3, changes), Slice(MOVES, 0, 1, [move(0, "user:ann", 1)])]
    stamps = [(NOW - 7_200) * 1000, (NOW - 2) * 1000, NOW * 1000 - 20]
    watch.applied(slices, [changes[2]], {SCORES: stamps, MOVES: [NOW * 1000 + 5]}, 0.02)
    watch.unreadable["lead-scores"] += 1
    found = shown(watch)
    updates = {name: count for name, count in found.items() if "updates_total{" in name and count}
    assert updates == {
        'leadscorer_projection_updates_total{kind="score",result="taken"}': 1.0,
        'leadscorer_projection_updates_total{kind="score_removed",result="taken"}': 1.0,
        'leadscorer_projection_updates_total{kind="transition",result="taken"}': 1.0,
        'leadscorer_projection_updates_total{kind="score",result="older"}': 1.0,
        'leadscorer_projection_updates_total{kind="lead-scores",result="unreadable"}': 1.0,
    }
    assert (found["leadscorer_projection_batch_records_sum"], found["leadscorer_projection_batch_records_count"]) == (
        4,
        1,
    )
    assert found["leadscorer_projection_batch_seconds_sum"] == 0.02
    assert found["leadscorer_record_to_projection_seconds_count"] == 3  # the one of two hours ago is history
    assert found["leadscorer_record_to_projection_seconds_sum"] == pytest.approx(2.02)
    assert found['leadscorer_record_to_projection_seconds_bucket{le="0.025"}'] == 2


def test_delay_is_that_of_the_partition_furthest_behind() -> None:
    """Nothing left, no delay, however old the last record is."""
    watch, clock = watched()
    other = ("p.lead-scores", 2)
    watch.applied([], [], {SCORES: [NOW * 1000 - 9_000], other: [NOW * 1000 - 4_000]}, 0.01)
    watch.stands({SCORES: 0, other: 7, MOVES: 0})
    assert watch.delay_seconds() == {"p.lead-scores": 4.0, "p.transitions": 0.0}
    clock.seconds += 30
    watch.stands({SCORES: 1, other: 7, MOVES: 0})
    found = shown(watch)
    assert found['leadscorer_projection_delay_seconds{topic="p.lead-scores"}'] == 39.0
    assert found['leadscorer_projection_lag_records{topic="p.lead-scores"}'] == 8.0
    assert found["leadscorer_projection_partitions"] == 3.0


async def test_lag_without_progress_is_death() -> None:
    """Half a minute of records left and none projected; the reason with it. Nothing to do is no death."""
    watch, clock = watched()
    health = ProjectorHealth(watch)
    watch.stands({SCORES: 0})
    clock.seconds += 100
    assert await asyncio.to_thread(health.dead) is None
    watch.stands({SCORES: 0})
    watch.stands({SCORES: 5})
    watch.failed("unreachable", "Redis: TimeoutError")
    clock.seconds += 29
    assert await asyncio.to_thread(health.dead) is None
    clock.seconds += 1
    assert await asyncio.to_thread(health.dead) == (
        "5 offsets are left and none was projected for 30 s: Redis: TimeoutError"
    )
    watch.applied([Slice(SCORES, 0, 1, [score(0, "user:ann", 1, 5)])], [], {SCORES: [NOW * 1000]}, 0.01)
    assert await asyncio.to_thread(health.dead) is None


def test_ready_is_a_whole_projection_that_is_kept() -> None:
    """Not before it has caught up, not while the server is away; a rebuild beside the live one changes nothing."""
    watch, _ = watched()
    watch.stands({SCORES: 3, MOVES: 4})
    assert watch.unready() == "the projection is being built: 7 offsets left"
    watch.looked(Generations(1, None, True))
    assert watch.unready() is None
    watch.looked(Generations(1, 2, True))
    found = shown(watch)
    names = ("ready", "generation", "rebuilding")
    assert [found[f"leadscorer_projection_{name}"] for name in names] == [1, 1, 1]
    watch.failed("unreachable", "Redis: ConnectionError")
    assert watch.unready() == "Redis: ConnectionError"
    watch.looked(Generations(3, None, False))
    assert shown(watch)["leadscorer_projection_ready"] == 0
    assert shown(watch)['leadscorer_projection_retries_total{reason="unreachable"}'] == 1


def test_a_transition_keeps_its_correlation_id(caplog: pytest.LogCaptureFixture) -> None:
    """The same fields as the worker's line, once, and nothing of the person."""
    watch, _ = watched()
    key, moves = "email:ann@acme.example", list[Change]()
    for seq in range(2):
        document = move_document(key, seq) | {"id": str(uuid.UUID(int=seq)), "cause": {"event_id": f"e-{seq}"}}
        moves.append(change("transitions", seq, key, orjson.dumps(document)))
    with caplog.at_level(logging.DEBUG, "stream_app.serving.projection.watch"):
        watch.applied([Slice(MOVES, 0, 2, moves)], [moves[0]], {}, 0.01)
    (line,) = caplog.records
    fields = vars(line)
    told = (line.getMessage(), fields["correlation_id"], fields["transition_id"])
    assert told == ("projected", "e-1", str(uuid.UUID(int=1)))
    assert "ann" not in str(fields)

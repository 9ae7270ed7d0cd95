"""When a consumer is said to keep up, to catch up, to stall or to be stopped."""

from dataclasses import replace

from stream_app.ops.lag import Judge, Reading, worst

NOW = 1_700_000_000_000
KEPT_UP = Reading(
    group="g", state="stable", topic="t", partition=0, end=100, committed=100, lag=0, oldest_at=None, owned=True, read_at=NOW
)  # fmt: skip
BEHIND = replace(KEPT_UP, committed=50, lag=50, oldest_at=NOW - 60_000)


def statuses(*looks: tuple[float, Reading]) -> list[str]:
    """The status at each look of one judge."""
    judge = Judge(stalled_after=15.0)
    return [judge.judge([reading], at)[0].status for at, reading in looks]


def test_seconds_are_the_age_of_the_oldest_unread_record() -> None:
    """None where nothing is left; never below zero, whatever a producer's clock says."""
    assert KEPT_UP.seconds == 0.0
    assert BEHIND.seconds == 60.0
    assert replace(BEHIND, oldest_at=NOW + 5_000).seconds == 0.0
    assert worst(Judge().judge([KEPT_UP, replace(BEHIND, partition=1)], 0.0)) == 60.0
    assert worst([]) == 0.0


def test_idle_is_well() -> None:
    """However long nothing comes and nothing is committed."""
    assert statuses((0, KEPT_UP), (1000, KEPT_UP), (1001, replace(BEHIND, oldest_at=NOW - 100))) == ["ok", "ok", "ok"]


def test_moving_is_catching_up() -> None:
    """With old records left and offsets that move it catches up, and is well once they are young."""
    later = replace(BEHIND, committed=90, lag=10, oldest_at=NOW - 1_000)
    assert statuses((0, BEHIND), (20, replace(BEHIND, committed=60)), (40, later)) == [
        "catching up",
        "catching up",
        "ok",
    ]


def test_standing_still_is_a_stall() -> None:
    """After 15 s with something to read, however young it is; not before, and not for what came to an idle reader."""
    assert statuses((0, BEHIND), (14, BEHIND), (15, BEHIND)) == ["catching up", "catching up", "stalled"]
    young = replace(BEHIND, oldest_at=NOW + 60_000)
    assert statuses((0, KEPT_UP), (100, young), (114, young), (116, young)) == ["ok", "ok", "ok", "stalled"]


def test_a_rebalance_may_take_its_time() -> None:
    """Nobody holds the partitions in a rebalance: that is no stop, and a stall only after 30 s."""
    joining = replace(BEHIND, state="rebalancing", owned=False)
    assert statuses((0, joining), (29, joining), (30, joining)) == ["catching up", "catching up", "stalled"]
    assert statuses((0, replace(joining, lag=0, oldest_at=None))) == ["ok"]


def test_nobody_there_is_a_stop() -> None:
    """Whether or not something is left; a partition that no member holds too."""
    gone = replace(BEHIND, state="empty", owned=False)
    assert statuses((0, gone)) == statuses((0, replace(KEPT_UP, state="empty", owned=False))) == ["stopped"]
    assert statuses((0, replace(BEHIND, owned=False))) == ["stopped"]
    assert statuses((0, replace(BEHIND, state="unknown", owned=False, committed=None))) == ["stopped"]


def test_offsets_that_move_are_proof_of_life() -> None:
    """Who assigns partitions to itself is no member, and yet reads."""
    alone = replace(BEHIND, state="empty", owned=False)
    moved = replace(alone, committed=60)
    assert statuses((0, alone), (2, moved), (18, moved)) == ["stopped", "catching up", "stopped"]


def test_a_topic_made_anew_stalls_its_reader() -> None:
    """Its committed offset lies behind the end: there is nothing for it to read, and never will be."""
    assert statuses((0, replace(KEPT_UP, end=10))) == ["stalled"]

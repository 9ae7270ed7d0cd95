"""The desk: order, batches, retries, pace and drift, with time as an argument."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stream_app.connectors.contract import Again, Delivered, Fault, Item, Outcome, Refused, Split
from stream_app.connectors.desk import Desk
from stream_app.connectors.entry import DeskSettings, Entry, Settled
from stream_app.connectors.pace import Rate
from stream_app.connectors.retry import STANDARD_WEBHOOKS, Backoff, Retry
from tests.vendors.changes import START, change, erased, score, transition

DOWN = Again("HTTP 503", Fault.endpoint)
FAST = Rate(1_000_000, 1, 1_000_000)


def entry(document: dict[str, Any], target: str = "") -> Entry:
    """An entry of a change."""
    return Entry(Item(change(document), target, None))


def desk(
    batch: int = 1, parallel: int = 8, rate: Rate = FAST, retry: Retry = STANDARD_WEBHOOKS, drift: float = 0.0
) -> Desk:
    """A desk at time 0, whose chance is always the greatest."""
    return Desk(DeskSettings(batch, parallel, rate, retry, drift=drift), lambda: 1.0, 0)


def names(batch: Sequence[Entry]) -> list[str]:
    """Lead and number of each entry."""
    return [f"{one.item.change.key}/{one.item.change.document.get('seq')}" for one in batch]


def all_of(it: Desk, now: int, outcome: Outcome | None = None) -> list[str]:
    """Take and settle as long as there is something; what left, in order."""
    left = []
    while batch := it.take(now):
        left += names(batch)
        it.settle(batch, [outcome or Delivered()] * len(batch), now)
    return left


def test_changes_of_a_lead_leave_one_by_one_and_leads_side_by_side() -> None:
    """Two of ann, one of bob: ann's second waits for her first, bob waits for nobody."""
    it = desk(batch=10)
    for one in (transition("user:ann", 1), transition("user:ann", 2), transition("user:bob", 1)):
        it.offer(entry(one), 0)
    first = it.take(0)
    assert names(first) == ["user:ann/1", "user:bob/1"]
    assert it.take(0) == []
    it.settle(first, [Delivered(), Delivered()], 5)
    assert names(it.take(5)) == ["user:ann/2"]


def test_two_leads_of_one_vendor_record_do_not_share_a_batch() -> None:
    """Their order at the vendor would be nobody's."""
    it = desk(batch=10)
    it.offer(entry(transition("user:ann", 1), "a@x"), 0)
    it.offer(entry(transition("email:a@x", 1), "a@x"), 0)
    first = it.take(0)
    assert names(first) == ["user:ann/1"]
    assert it.take(0) == []
    it.settle(first, [Delivered()], 0)
    assert names(it.take(0)) == ["email:a@x/1"]


def test_a_failed_record_waits_with_its_lead_behind_it() -> None:
    """
    0 s      ann/1 fails          bob/1 goes
    5.5 s    ann/1 again, ann/2
    """
    it = desk()
    it.offer(entry(transition("user:ann", 1)), 0)
    it.offer(entry(transition("user:ann", 2)), 0)
    it.offer(entry(transition("user:bob", 1)), 0)
    it.settle(it.take(0), [Again("HTTP 400", Fault.record)], 0)
    assert all_of(it, 1) == ["user:bob/1"]
    assert it.next_at(1) == 5_500
    assert all_of(it, 5_500) == ["user:ann/1", "user:ann/2"]


def test_the_schedule_of_standard_webhooks_then_parked() -> None:
    """Attempts at 0, 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h after each other, each up to a tenth later."""
    it = desk()
    it.offer(entry(transition("user:ann", 1)), 0)
    now, waits, settled = 0, [], Settled()
    while not settled.parked:
        settled = it.settle(it.take(now), [Again("HTTP 400", Fault.record)], now)
        if not settled.parked:
            due = it.next_at(now)
            assert due is not None
            waits.append((due - now) / 1000 / 1.1)
            now = due
    assert [round(wait) for wait in waits] == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert settled.parked[0][1] == "given up after 10 attempts: HTTP 400"


def test_full_jitter_doubles_its_bound_up_to_the_longest() -> None:
    """A random part of a bound that doubles."""
    backoff = Backoff(1, 60, 3600)
    assert [backoff.delay(n, 0, lambda: 1.0) for n in (1, 2, 3, 7, 8)] == [1, 2, 4, 60, 60]
    assert backoff.delay(3, 0, lambda: 0.25) == 1
    assert backoff.delay(3, 3600, lambda: 0.25) is None


def test_retry_after_of_one_record_is_obeyed() -> None:
    """The vendor's word counts where it is the longer."""
    it = desk()
    it.offer(entry(transition("user:ann", 1)), 0)
    it.settle(it.take(0), [Again("HTTP 400", Fault.record, 90)], 0)
    assert it.next_at(0) == 90_000


def test_a_throttled_request_stops_everything_and_counts_as_no_attempt() -> None:
    """429 with Retry-After: 30."""
    it = desk(parallel=2)
    for number in range(3):
        it.offer(entry(transition(f"user:{number}", 1)), 0)
    batch = it.take(0)
    it.settle(batch, [Again("HTTP 429", Fault.throttle, 30)], 0)
    assert it.take(29_999) == []
    assert it.next_at(1) == 30_000
    assert batch[0].attempts == 0
    assert sorted(all_of(it, 30_000)) == ["user:0/1", "user:1/1", "user:2/1"]


def test_the_breaker_opens_tries_one_batch_and_wakes_all_when_the_vendor_is_back() -> None:
    """
    0 s         five of eight fail: open; nothing goes
    5 s         one is tried and fails: open for twice as long
    15 s        one is tried and goes: all go, those too whose next attempt was in five minutes
    """
    it = desk()
    for number in range(8):
        it.offer(entry(transition(f"user:{number}", 1)), 0)
    notes = []
    for _ in range(5):
        notes += it.settle(it.take(0), [DOWN], 0).notes
    assert notes == ["the vendor is down: HTTP 503; trying again now and then"]
    assert it.take(0) == []
    assert it.next_at(0) == 5_000
    probe = it.take(5_000)
    assert len(probe) == 1
    assert it.take(5_000) == []
    it.settle(probe, [DOWN], 5_000)
    assert it.next_at(5_000) == 15_000
    probe = it.take(15_000)
    assert it.settle(probe, [Delivered()], 15_000).notes == ["the vendor is back"]
    assert len(all_of(it, 15_000)) == 7


def test_a_token_bucket_holds_the_rate() -> None:
    """Two at once, then one in half a second."""
    it = desk(rate=Rate(2, 1, 2))
    for number in range(4):
        it.offer(entry(transition(f"user:{number}", 1)), 0)
    assert len(all_of(it, 0)) == 2
    at = it.next_at(0)
    assert at is not None and 500 <= at <= 501
    assert len(all_of(it, at)) == 1


def test_a_batch_that_is_refused_whole_is_halved_until_the_culprit_stands_alone() -> None:
    """Eight, the third of them bad: seven go, one is parked, and nobody else is lost."""
    it = desk(batch=8)
    for number in range(8):
        it.offer(entry(transition(f"user:{number}", 1)), 0)
    gone: list[str] = []
    parked: list[str] = []
    while batch := it.take(0):
        bad = "user:2/1" in names(batch)
        settled = it.settle(batch, [Split("HTTP 400")] * len(batch) if bad else [Delivered()] * len(batch), 0)
        gone += names(settled.done)
        for one, _ in settled.parked:
            parked += names([one])
            it.release(one, 0)
    assert sorted(gone) == [f"user:{number}/1" for number in (0, 1, 3, 4, 5, 6, 7)]
    assert parked == ["user:2/1"]
    assert it.size == 0


def test_a_lead_waits_while_its_record_is_being_parked() -> None:
    """Parking takes a moment: until it is safe, nothing of the lead may go."""
    it = desk()
    it.offer(entry(transition("user:ann", 1)), 0)
    it.offer(entry(transition("user:ann", 2)), 0)
    settled = it.settle(it.take(0), [Refused("no such field")], 0)
    assert it.take(0) == []
    it.release(settled.parked[0][0], 0)
    assert names(it.take(0)) == ["user:ann/2"]


def test_a_score_takes_the_place_of_an_older_one() -> None:
    """
    0 min   score 1 goes
    1 min   score 2 waits until 15 min; at 2 min score 3 takes its place: score 2 is done, its offset may be committed
    15 min  score 3 goes
    """
    it = desk(drift=900)
    first = entry(score("user:ann", 1, 10))
    it.offer(first, 0)
    it.settle(it.take(0), [Delivered()], 0)
    second, third = entry(score("user:ann", 2, 20, START + 1)), entry(score("user:ann", 3, 30, START + 2))
    assert it.offer(second, 60_000) == []
    assert it.offer(third, 120_000) == [second]
    assert it.next_at(120_000) == 900_000
    assert it.take(899_999) == []
    assert it.take(900_000) == [third]


def test_a_score_that_comes_while_another_is_on_its_way_waits_for_the_drift() -> None:
    """Counted from when that one arrived."""
    it = desk(drift=900)
    it.offer(entry(score("user:ann", 1, 10)), 0)
    flying = it.take(0)
    it.offer(entry(score("user:ann", 2, 20, START + 1)), 10)
    it.settle(flying, [Delivered()], 1_000)
    assert it.next_at(1_000) == 901_000


def test_a_transition_goes_at_once_past_a_waiting_score_and_drops_an_older_one() -> None:
    """A score of before the transition would put old values back."""
    it = desk(drift=900)
    it.offer(entry(score("user:ann", 1, 10)), 0)
    it.settle(it.take(0), [Delivered()], 0)
    old, newer = entry(score("user:ann", 2, 20, START + 1)), entry(score("user:ann", 3, 30, START + 20))
    it.offer(old, 1_000)
    assert it.offer(entry(transition("user:ann", 1, START + 10)), 2_000) == [old]
    it.offer(newer, 2_000)
    assert it.offer(entry(transition("user:ann", 2, START + 15)), 2_000) == []
    assert all_of(it, 2_000) == ["user:ann/1", "user:ann/2"]
    late = entry(score("user:ann", 2, 20, START + 1))
    assert it.offer(late, 3_000) == [late]
    assert it.take(901_999) == []
    assert it.take(902_000) == [newer]


def test_an_erasure_drops_what_waits_and_goes_by_itself() -> None:
    """What is on its way can't be stopped; the erasure follows it."""
    it = desk(batch=10, drift=900)
    it.offer(entry(transition("user:ann", 1)), 0)
    flying = it.take(0)
    waiting = entry(transition("user:ann", 2))
    it.offer(waiting, 0)
    assert it.offer(entry(erased("user:ann")), 0) == [waiting]
    it.offer(entry(transition("user:bob", 1)), 0)
    it.settle(flying, [Delivered()], 0)
    assert sorted([len(it.take(0)), len(it.take(0))]) == [1, 1]


def test_dropping_leaves_what_is_on_its_way() -> None:
    """A rebalance."""
    it = desk()
    it.offer(entry(transition("user:ann", 1)), 0)
    flying = it.take(0)
    it.offer(entry(transition("user:ann", 2)), 0)
    it.offer(entry(transition("user:bob", 1)), 0)
    assert sorted(names(it.drop(lambda one: True))) == ["user:ann/2", "user:bob/1"]
    it.settle(flying, [Delivered()], 0)
    assert (it.size, it.take(0)) == (0, [])


STEP = st.tuples(st.integers(0, 3), st.sampled_from(["ok", "again", "down", "throttle", "refuse", "split"]))


@given(st.lists(STEP, max_size=60), st.integers(1, 4), st.integers(1, 3))
def test_whatever_happens_each_change_ends_once_and_in_order(
    steps: list[tuple[int, str]], batch: int, parallel: int
) -> None:
    """Any leads, any answers: every transition is delivered or parked once, a lead's in order, and the desk ends empty."""
    it = desk(batch, parallel, retry=Backoff(1, 10, 1e9))
    ended: list[str] = []
    offered: list[str] = []
    words: dict[str, Outcome] = {
        "ok": Delivered(),
        "again": Again("x", Fault.record),
        "down": DOWN,
        "throttle": Again("x", Fault.throttle),
        "refuse": Refused("x"),
        "split": Split("x"),
    }
    for number, (lead, _) in enumerate(steps):
        one = entry(transition(f"user:{lead}", number), f"target-{lead % 2}")
        it.offer(one, 0)
        offered += names([one])
    now, turns = 0, 0
    answers = [word for _, word in steps]
    while (at := it.next_at(now)) is not None:
        now = max(now, at)
        taken = it.take(now)
        if not taken:
            continue
        turns += 1
        word = answers.pop() if answers else "ok"
        settled = it.settle(taken, [words[word]] * len(taken), now)
        ended += names(settled.done)
        for gone, _ in settled.parked:
            ended += names([gone])
            it.release(gone, now)
        assert turns < 1_000
    assert sorted(ended) == sorted(offered)
    for lead in range(4):
        mine = [name for name in ended if name.startswith(f"user:{lead}/")]
        assert mine == [name for name in offered if name.startswith(f"user:{lead}/")]
    assert it.size == 0

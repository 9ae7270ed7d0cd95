"""The simulated producers: the same story for the same seed, good events but for those that are broken on purpose."""

from collections import Counter
from itertools import takewhile

import pytest

from stream_app.demo.sources import PACE, closed_stages
from stream_app.engine.identity import lead_keys
from stream_app.engine.times import parse_time
from stream_app.ingest import Refusal, parse_event
from stream_app.local.plots import DAY
from stream_app.local.simulator import Simulated, Story, history_then_present, simulate
from stream_app.modelfiles import read_model
from stream_app.runtime.world import World

NOW = parse_time("2026-03-31T12:00:00Z")


def _days(story: Story, days: int) -> list[Simulated]:
    """What happens in the last days before NOW, were they all of the story."""
    time_of = history_then_present(NOW - days * DAY, NOW, PACE)
    return list(takewhile(lambda record: record.at <= days * DAY, simulate(story, time_of)))


def test_the_same_seed_tells_the_same_story() -> None:
    """Byte for byte; another seed tells another one."""
    told = [[record.raw for record in _days(Story(seed=seed), 20)] for seed in (7, 7, 8)]
    assert told[0] == told[1]
    assert told[0] != told[2]


def test_events_are_good_but_for_those_broken_on_purpose() -> None:
    """The good ones say what was meant, in the order of their times; the broken ones are refused with their code."""
    records = _days(Story(), 60)
    assert [record.at for record in records] == sorted(record.at for record in records)
    refused: Counter[str] = Counter()
    for record in records:
        try:
            activity = parse_event(record.raw, channel=None)
        except Refusal as refusal:
            assert refusal.code == record.refused
            refused[refusal.code] += 1
            continue
        if record.refused is None:
            assert activity == record.activity
        else:
            assert activity.time != record.activity.time
            refused[record.refused] += 1
        assert record.activity.time <= NOW
    assert set(refused) == {"not_json", "schema", "no_identity", "future", "too_old", "too_large"}
    assert 0.003 < refused.total() / len(records) < 0.03


@pytest.mark.parametrize("rate", [100.0, 400.0])
def test_the_rate_is_kept(rate: float) -> None:
    """Once the first days' rush is over, nearly as many events a day as were asked for."""
    days = Counter(record.at // DAY for record in _days(Story(events_a_day=rate), 40))
    calm = [days[day] for day in range(5, 40)]
    assert 0.75 * rate < sum(calm) / len(calm) < 1.1 * rate


def test_a_lead_has_one_key() -> None:
    """All events of a life carry the same strongest key, so that nothing has to be merged."""
    keys: dict[str, set[str]] = {}
    for record in _days(Story(), 40):
        found = lead_keys(record.activity)
        if found:
            keys.setdefault(record.activity.event_id.rpartition("-")[0], set()).add(found[0])
    assert 200 < len(keys) < 400
    assert all(len(found) == 1 for found in keys.values())
    assert len({key for found in keys.values() for key in found}) == len(keys)
    assert {key.partition(":")[0] for found in keys.values() for key in found} == {"user", "email"}


def test_the_story_has_everything_that_the_demo_is_to_show() -> None:
    """Half a minute at a day a second, under the default model: rises, falls by decay, customers, accounts, and spam
    that gets nowhere however much it clicks; the worker's two own refusals as well."""
    model = read_model("b2b-saas")
    world = World(model)
    refused: Counter[str] = Counter()
    for record in _days(Story(closed=closed_stages(model)), 30):
        if record.refused in (None, "future", "too_old"):
            code = world.apply(parse_event(record.raw, channel=None), NOW)
            assert code == record.refused
            refused[code or "none"] += 1
    world.tick(NOW)
    moves = world.take_transitions()
    seen = Counter((move["subject"], move["to"], move["direction"], move["cause"]["kind"]) for move in moves)
    assert seen["lead", "mql", "up", "activity"] > 30
    assert seen["lead", "sql", "up", "activity"] > 10
    assert seen["lead", "customer", "up", "crm"] > 2
    assert seen["lead", "awareness", "down", "decay"] > 5
    assert sum(count for (subject, *_), count in seen.items() if subject == "account") > 5
    assert refused["future"] and refused["too_old"]
    spam = {score["lead"]: score["stages"] for score in world.scores() if "mailinator" in score.get("lead", "")}
    assert spam
    assert {stages["lifecycle"] for stages in spam.values()} <= {"known", "awareness"}


def test_a_story_never_overtakes_the_clock_on_the_wall() -> None:
    """
    story  0 ---- 1 d ---- 2 d ---- 3 d ----     a day a second
    time   -2 d   -1 d     now      now + 1 s
    """
    time_of = history_then_present(NOW - 2 * DAY, NOW, PACE)
    assert [time_of(days * DAY) for days in (0, 1, 2, 3, 10)] == [
        NOW - 2 * DAY,
        NOW - DAY,
        NOW,
        NOW + 1_000,
        NOW + 8_000,
    ]

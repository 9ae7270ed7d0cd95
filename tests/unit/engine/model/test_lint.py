"""Lint: what is valid but probably not meant. The codes are those of docs/models.md."""

import time

import pytest

from stream_app.engine.model.lint import Finding, lint
from stream_app.engine.model.load import load_model

HEAD = """
model: m
scores: {engagement: {clamp: [0, 100]}, fit: {clamp: [0, 100]}, free: {}}
groups: {g: {score: free, max: 30}}
combined: {total: {weights: {fit: 0.4, engagement: 0.6}, clamp: [0, 100]}}
grades:
  profile:
    rows: {score: fit, ranges: {A: 50, B: 0}}
    columns: {score: engagement, ranges: {1: 50, 2: 0}}
bands: {temperature: {score: total, ranges: {hot: 70, warm: 35, cold: 0}}}
"""
RULES = """
rules:
  - {id: view, kind: activity, score: engagement, stage: awareness, evidence: data, on: {channel: web, type: page_view}, points: 1}
  - {id: click, kind: activity, score: engagement, stage: engagement, evidence: sales, on: {channel: email, type: click}, points: 10}
  - {id: demo, kind: activity, score: engagement, stage: exploration, evidence: data, on: {type: demo_requested}, points: 40}
  - {id: it, kind: fact, score: fit, evidence: customer, when: {industry: software}, points: 60}
  - {id: gone, kind: fact, score: free, group: g, evidence: data, when: {x: 1}, points: 30}
"""
CLEAN = HEAD + RULES


def findings(text: str) -> list[Finding]:
    """What lint says of a model."""
    return lint(load_model(text, "m.yaml"))


def codes(text: str) -> set[tuple[str, str, str]]:
    """Level, code and place of each finding."""
    return {(one.level, one.code, one.path) for one in findings(text)}


def test_a_good_model_is_clean() -> None:
    """No finding at all."""
    assert findings(CLEAN) == []


def rule(body: str) -> str:
    """The clean model with one more rule."""
    return CLEAN + f"  - {{id: new, evidence: data, {body}}}\n"


ACTION = "kind: activity, score: engagement, stage: engagement"


@pytest.mark.parametrize(
    ("body", "level", "code"),
    [
        ("kind: fact, score: fit, points: 1, when: {a: {ge: 5, lt: 3}}", "error", "never-matches"),
        ("kind: fact, score: fit, points: 1, when: {all: [{a: 1}, {a: 2}]}", "error", "never-matches"),
        ("kind: fact, score: fit, points: 1, when: {all: [{a: x}, {not: {a: X}}]}", "error", "never-matches"),
        ("kind: fact, score: fit, points: 1, when: {a: {exists: false, eq: 5}}", "error", "never-matches"),
        ("kind: fact, score: fit, points: 1, when: {a: {ge: 5, prefix: x}}", "error", "never-matches"),
        ("kind: fact, score: fit, points: 1, when: {free_mail: 'yes'}", "error", "never-matches"),
        ("kind: fact, score: fit, points: 1, when: {keyboard_run: {between: [1, 3]}}", "error", "never-matches"),
        ("kind: per_unit, score: fit, fact: free_mail, each: 1", "error", "never-matches"),
        (f"{ACTION}, points: 5, on: {{type: a, where: {{x: {{gt: 5, lt: 5}}}}}}", "error", "never-matches"),
        (
            (
                "kind: complete, score: engagement, stage: engagement, of: id, window: 7d, points: 5,"
                " on: {type: open, where: {id: [a, b]}}, values: [a, c]"
            ),
            "error",
            "never-complete",
        ),
        (
            (
                "kind: distinct, score: engagement, stage: engagement, of: id, window: 7d,"
                " on: {type: open, where: {id: [a, b]}}, tiers: {2: 1, 3: 5}"
            ),
            "error",
            "unreachable-tier",
        ),
        (
            (
                "kind: ratio, score: engagement, stage: engagement, window: 7d, min: 1, tiers: {0.5: 1, 1.5: 5},"
                " numerator: {type: open, where: {id: a}}, denominator: {type: open}"
            ),
            "error",
            "unreachable-tier",
        ),
        (
            "kind: frequency, score: engagement, stage: engagement, on: {type: a}, window: 7d, tiers: {1: 5, 3: 5}",
            "warning",
            "idle-tier",
        ),
        ("kind: inactivity, score: engagement, on: {type: a}, after: {10d: -5, 30d: -5}", "warning", "idle-tier"),
        (f"{ACTION}, weight: 0, points: 5, on: {{type: a}}", "note", "switched-off"),
        (f"{ACTION}, points: 0, on: {{type: a}}", "warning", "no-points"),
        (f"{ACTION}, points: 9, on: {{channel: email, type: click}}", "warning", "duplicate"),
        (f"{ACTION}, points: -9, on: {{channel: email, type: click}}", "warning", "contradiction"),
        (f"{ACTION}, points: 9, on: {{type: b}}, decay: {{expire: 90m}}", "warning", "broken-unit"),
        (
            "kind: frequency, score: engagement, stage: engagement, on: {type: a}, window: 90m, tiers: {1: 5}",
            "warning",
            "broken-unit",
        ),
        ("kind: activity, score: engagement, on: {type: a}, points: 5", "error", "untagged"),
        ("kind: activity, score: engagement, stage: exploratoin, on: {type: a}, points: 5", "warning", "unknown-stage"),
        ("kind: activity, score: engagement, stage: exploration, on: {type: a}, points: 5", "warning", "points-fall"),
    ],
)
def test_findings_about_a_rule(body: str, level: str, code: str) -> None:
    """S288, S384, S411, S422: each thing is found at the rule, and named."""
    text = rule(body.replace("points: 9, on: {channel: email", "points: 10, on: {channel: email"))
    assert (level, code, "rules[5]") in codes(text)
    assert any('"new"' in one.message for one in findings(text) if one.path == "rules[5]")


def test_points_must_not_fall_along_the_funnel() -> None:
    """S095, S096, S100: exploration below engagement, and engagement below awareness, are errors."""
    assert ("error", "points-fall", "rules[2]") in codes(CLEAN.replace("points: 40", "points: 8"))
    assert ("error", "points-fall", "rules[1]") in codes(CLEAN.replace("points: 10}", "points: 0.5}"))


def test_every_stage_of_the_funnel_has_an_action() -> None:
    """S271, S272: a stage that no rule is tagged with is an error."""
    without = "\n".join(line for line in CLEAN.splitlines() if "id: click" not in line)
    assert ("error", "empty-stage", "rules") in codes(without)


def test_evidence() -> None:
    """S384, S406, S422: rules without evidence are named; judgement alone and a single source are noted."""
    bare = CLEAN.replace(", evidence: sales", "")
    assert ("warning", "no-evidence", "rules[1]") in codes(bare)
    judged = [
        one for one in findings(CLEAN.replace("evidence: sales", "evidence: judgement")) if one.code == "judgement-only"
    ]
    assert [one.message.count("click") for one in judged] == [1]
    assert ("note", "one-source", "rules") in codes(CLEAN.replace("sales", "data").replace("customer", "data"))


def ladder(stages: str) -> str:
    """The clean model with a ladder."""
    return CLEAN + f"ladders: {{l: [{{stage: start}}, {stages}]}}\n"


@pytest.mark.parametrize(
    ("stages", "level", "code", "at"),
    [
        ("{stage: a, enter: {scores: {total: {ge: 101}}}}", "error", "unreachable-stage", 1),
        ("{stage: a, enter: {scores: {fit: {ge: 61}}}}", "error", "unreachable-stage", 1),
        ("{stage: a, enter: {scores: {total: {ge: 50, lt: 40}}}}", "error", "unreachable-stage", 1),
        ("{stage: a, enter: {grades: {profile: C1}}}", "error", "unreachable-stage", 1),
        ("{stage: a, enter: {bands: {temperature: [hot, hott]}}}", "error", "unknown-name", 1),
        ("{stage: a, enter: {scores: {fit: {ge: 5}}}, blocked_by: {}}", "error", "unreachable-stage", 1),
        (
            "{stage: a, enter: {scores: {fit: {ge: 9}}}, blocked_by: {scores: {fit: {ge: 5}}}}",
            "error",
            "unreachable-stage",
            1,
        ),
        (
            "{stage: a, enter: {scores: {fit: {ge: 9}}}}, {stage: b, enter: {scores: {fit: {ge: 5}}}}",
            "error",
            "unreachable-stage",
            1,
        ),
        ("{stage: a, enter: {scores: {fit: {ge: 9}}}}", "warning", "can-loop", 1),
        ("{stage: a}, {stage: b, enter: {scores: {fit: {ge: 9}}}, hold: {}}", "warning", "catches-falls", 1),
        ("{stage: a}", "note", "crm-only", 1),
        ("{stage: a, enter: {signal: {on: {type: x}, within: 90m}}}", "warning", "broken-unit", 1),
    ],
)
def test_findings_about_stages(stages: str, level: str, code: str, at: int) -> None:
    """Stages that nobody can enter, or that catch or shake leads."""
    assert (level, code, f"ladders.l[{at}]") in codes(ladder(stages))


def test_a_stage_with_room_is_fine() -> None:
    """Hysteresis, a dwell or a sticky stage: nothing to say."""
    stages = (
        "{stage: a, enter: {scores: {total: {ge: 30}}}, hold: {scores: {total: {ge: 20}}}},"
        "{stage: b, enter: {scores: {total: {ge: 50}}}, min_dwell: 1d}, {stage: c, sticky: true}"
    )
    assert findings(ladder(stages)) == []


SWEEP = "on: {{type: click}}, sweep: {{mail: mail, link: {}, links: {}, seconds: {}}}"


@pytest.mark.parametrize(
    ("extra", "level", "code", "path"),
    [
        ("ladders: {l: [{stage: a, sticky: true}]}", "error", "unreachable-stage", "ladders.l[0]"),
        ("ladders: {l: [{stage: a}]}", "warning", "one-stage", "ladders.l"),
        (
            "ladders: {l: [{stage: a, enter: {}}, {stage: b, sticky: true}]}",
            "warning",
            "idle-condition",
            "ladders.l[0]",
        ),
        ("resolution: 7m", "note", "odd-resolution", "resolution"),
        ("account: {scores: {a: {}}}", "warning", "no-rules", "account.scores.a"),
        ("machines: [{id: m, on: {channel: email}}]", "warning", "all-machines", "machines[0]"),
        ("machines: [{id: m, on: {channel: email}}]", "error", "never-matches", "rules[1]"),
        ("machines: [{id: m, on: {type: fax, where: {a: 1}}}]", "note", "idle-machine", "machines[0]"),
        ("machines: [{id: m, on: {where: {a: {gt: 2, lt: 1}}}}]", "error", "never-matches", "machines[0]"),
        ("machines: [{id: m, scanner: ua}, {id: n, scanner: ua}]", "warning", "duplicate", "machines[1]"),
        (f"machines: [{{id: m, {SWEEP.format('l', 2, 5)}}}]", "warning", "people-too", "machines[0]"),
        (f"machines: [{{id: m, {SWEEP.format('l', 3, 61)}}}]", "warning", "people-too", "machines[0]"),
        (f"machines: [{{id: m, {SWEEP.format('mail', 3, 9)}}}]", "error", "never-matches", "machines[0]"),
    ],
)
def test_findings_about_the_rest(extra: str, level: str, code: str, path: str) -> None:
    """Ladders, scores and times as a whole."""
    assert (level, code, path) in codes(CLEAN + extra + "\n")


def test_ranges_out_of_reach() -> None:
    """A band above the cap, a row under the floor, a gap at the bottom."""
    assert ("error", "unreachable-range", "bands.temperature.ranges.hot") in codes(CLEAN.replace("hot: 70", "hot: 170"))
    assert ("error", "unreachable-range", "bands.temperature.ranges.cold") in codes(
        CLEAN.replace("warm: 35", "warm: 0").replace("cold: 0", "cold: -5")
    )
    assert ("note", "no-lowest-range", "bands.temperature") in codes(CLEAN.replace("cold: 0", "cold: 5"))


def test_overlaps_are_named() -> None:
    """S391, S411: a rule that counts whatever another one counts says so; the narrower is named."""
    text = rule(f"{ACTION}, points: 30, on: {{channel: email, type: click, where: {{offer: {{exists: true}}}}}}")
    assert [one.message for one in findings(text) if one.code == "overlap"] == [
        '"click" also counts whatever "new" counts'
    ]


def test_free_mail_of_consumers_is_noted() -> None:
    """S147: the rule is there, and does nothing, for a consumer audience."""
    text = rule("kind: fact, score: free, class: spam, points: -10, when: {free_mail: true}") + "audience: consumer\n"
    assert ("note", "free-mail-for-consumers", "rules[5]") in codes(text)


def test_five_hundred_rules_take_less_than_two_seconds() -> None:
    """S411: duplicates and contradictions among 500 rules are listed by name, quickly."""
    lines = [
        f"  - {{id: r{i}, kind: activity, score: engagement, stage: engagement, evidence: data,"
        f" on: {{channel: web, type: view, where: {{path: {{glob: '/p{i % 490}*'}}, n: {{ge: {i % 490}}}}}}}, points: {9 if i < 490 else -9}}}\n"
        for i in range(500)
    ]
    model = load_model(CLEAN + "".join(lines), "m.yaml")
    started = time.perf_counter()
    found = lint(model)
    assert time.perf_counter() - started < 2
    assert sum(one.code == "contradiction" for one in found) == 10

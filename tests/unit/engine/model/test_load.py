"""Loading and validating models: everything that is wrong, at once, with its place."""

import json
from pathlib import Path

import pytest

from stream_app.engine.model.load import load_model
from stream_app.engine.model.problems import ModelError
from stream_app.engine.model.types import All, AnyOf, BandIs, FieldIs, FrequencyRule, GradeIs, Not, ScoreIs, Signal

SMALL = """
model: small
scores:
  fit: {}
  engagement: {clamp: [0, 100]}
rules:
  - {id: one, kind: activity, score: engagement, on: {type: page_view}, points: 1}
"""


def problems(extra: str, base: str = SMALL) -> list[str]:
    """What is wrong with the small model and something more."""
    with pytest.raises(ModelError) as caught:
        load_model(base + extra, "m.yaml")
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


def rule_problems(rule: str) -> list[str]:
    """What is wrong with a second rule."""
    return problems(f"  - {{id: two, score: engagement, {rule}}}\n")


def test_all_problems_are_found_at_once_with_file_line_and_column() -> None:
    """A mistyped key, kind, period and score: four lines, in the file's order, each with a near miss."""
    text = """\
model: x
resolutoin: 1h
scores: {engagement: {}}
rules:
  - {id: a, kind: activty, score: engagement}
  - {id: b, kind: activity, score: engagment, on: {}, points: 1, limit: {times: 1, per: dya}}
"""
    with pytest.raises(ModelError) as caught:
        load_model(text, "m.yaml")
    lines = str(caught.value).splitlines()
    assert [line.split(": ", 2)[:2] for line in lines] == [
        ["m.yaml:2:1", "resolutoin"],
        ["m.yaml:5:19", "rules[0].kind"],
        ["m.yaml:6:36", "rules[1].score"],
        ["m.yaml:6:89", "rules[1].limit.per"],
    ]
    for near in ("resolution", "activity", "engagement", "day"):
        assert f'did you mean "{near}"?' in str(caught.value)
    assert caught.value.problems[0].as_json()["line"] == 2


@pytest.mark.parametrize(
    ("extra", "path", "words"),
    [
        ("resolution: 30s", "resolution", "such as 30m"),
        ("resolution: 2d", "resolution", "from 1m to 1d, found 2d"),
        ("timezone: Mars/Olympus", "timezone", "timezone"),
        ("timezone: ../../etc/passwd", "timezone", "timezone"),
        ("lateness: 801d", "lateness", "found 801d"),
        ("audience: companies", "audience", "business or consumer"),
        ("description: 5", "description", "a description"),
        ("combined: {total: {weights: {fit: 1, engagment: 1}}}", "combined.total.weights.engagment", "did you mean"),
        ("combined: {total: {weights: {account.x: 1}}}", "combined.total.weights.account.x", "unknown score"),
        ("combined: {fit: {weights: {engagement: 1}}}", "combined.fit", "a name of its own"),
        ("combined: {a: {weights: {b: 1}}, b: {weights: {c: 1}}, c: {weights: {a: 1}}}", "combined.a", "a -> b -> c"),
        ("groups: {g: {score: engagement, min: 5, max: 1}}", "groups.g.max", "not below min"),
        ("grades: {g: {rows: {score: fit, ranges: {A: 1, B: 1}}}}", "grades.g", '"columns" is missing'),
        ("bands: {b: {score: fit, ranges: {hot: 1, warm: 1}}}", "bands.b.ranges.warm", "a lower bound of its own"),
        ("bands: {b: {score: total, ranges: {hot: 1}}}", "bands.b.score", "unknown score"),
        ("machines: {id: a}", "machines", "a list of rules"),
        ("machines: [{on: {}}]", "machines[0]", '"id" is missing'),
        ("machines: [{id: a}]", "machines[0]", '"on" is missing'),
        ("machines: [{id: a, when: {}}]", "machines[0].when", "unknown key"),
        ("machines: [{id: a, on: {}}, {id: a, on: {}}]", "machines[1].id", "an id of its own"),
        ("machines: [{id: a, on: {where: {ua: {regex: '('}}}}]", "machines[0].on.where.ua.regex", "a pattern"),
        ("machines: [{id: a, scanner: ua, sweep: {}}]", "machines[0].sweep", "either a scanner or a sweep"),
        (
            "machines: [{id: a, on: {}, sweep: {mail: m, link: l, links: 1, seconds: 9}}]",
            "machines[0].sweep.links",
            "2 to 100",
        ),
        (
            "machines: [{id: a, on: {}, sweep: {mail: m, link: l, links: 3, seconds: 10s}}]",
            "machines[0].sweep.seconds",
            "seconds",
        ),
        (
            "machines: [{id: a, on: {}, sweep: {mail: m, link: l, links: 3}}]",
            "machines[0].sweep",
            '"seconds" is missing',
        ),
        ("ladders: {l: []}", "ladders.l", "an empty list"),
        ("ladders: {l: [{stage: a}, {stage: a}]}", "ladders.l[1]", "a stage of its own"),
        ("ladders: {'a|b': [{stage: a}]}", "ladders.a|b", "without"),
        ("ladders: {l: [{stage: a, enter: {score: {fit: 1}}}]}", "ladders.l[0].enter.score", 'did you mean "scores"'),
        ("ladders: {l: [{stage: a, enter: {scores: {fit: high}}}]}", "ladders.l[0].enter.scores.fit", "numbers"),
        ("ladders: {l: [{stage: a, enter: {grades: {g: A1}}}]}", "ladders.l[0].enter.grades.g", "unknown grade"),
        ("ladders: {l: [{stage: a, enter: {bands: {b: hot}}}]}", "ladders.l[0].enter.bands.b", "unknown band"),
        (
            "ladders: {l: [{stage: a, enter: {signal: {on: {type: x}, within: 900d}}}]}",
            "ladders.l[0].enter.signal.within",
            "found 900d",
        ),
        ("ladders: {l: [{stage: a, min_dwell: soon}]}", "ladders.l[0].min_dwell", "a duration"),
        ("ladders: {l: [{stage: a, sticky: 'yes'}]}", "ladders.l[0].sticky", "true or false"),
        ("ladders: {l: [{stage: a, actions: {a: {b: 1}}}]}", "ladders.l[0].actions.a", "a list of them"),
        ("account: {scores: {a: {rollup: {score: fit}}}}", "account.scores.a.rollup", "one of sum, max"),
        ("account: {scores: {a: {rollup: {score: x, sum: true}}}}", "account.scores.a.rollup.score", "unknown score"),
        ("account: {scores: {a: {rollup: {score: fit, sum: false}}}}", "account.scores.a.rollup.sum", "expected true"),
        (
            "account: {scores: {a: {breadth: {fact: d, min_score: 1, points: {1: 2}}}}}",
            "account.scores.a.breadth",
            "rollup",
        ),
        (
            "account: {scores: {a: {}}, rules: [{id: one, kind: fact, score: a, when: {}, points: 1}]}",
            "account.rules[0].id",
            "rules[0]",
        ),
    ],
)
def test_mistakes_outside_rules(extra: str, path: str, words: str) -> None:
    """Each mistake is said at its place."""
    found = problems(extra + "\n")
    assert any(line.startswith(f"{path}: ") and words in line for line in found), found


@pytest.mark.parametrize(
    ("rule", "path", "words"),
    [
        ("kind: activity, on: {type: a}", "", '"points" is missing'),
        ("kind: activity, on: {type: a}, points: '5'", ".points", 'found "5"'),
        ("kind: activity, on: {type: a}, points: .inf", ".points", "found inf"),
        ("kind: activity, on: {type: a}, points: 1e300", ".points", "found 1e+300"),
        ("kind: activity, on: {type: 5}, points: 1", ".on.type", "found 5"),
        ("kind: activity, on: {type: a}, points: 1, group: g", ".group", "unknown group"),
        ("kind: activity, on: {type: a}, points: 1, evidence: gut", ".evidence", "judgement"),
        ("kind: activity, on: {type: a}, points: 1, limit: {times: 0, per: day}", ".limit.times", "from 1"),
        ("kind: activity, on: {type: a}, points: 1, limit: {times: 2}", ".limit", '"per" is missing'),
        ("kind: activity, on: {type: a}, points: 1, decay: {half_life: 0d}", ".decay.half_life", "found 0d"),
        ("kind: activity, on: {type: a}, points: 1, decay: {half_life: 1d, linear: 2d}", ".decay", "one kind"),
        ("kind: activity, on: {type: a}, points: 1, decay: {steps: {soon: 1}}", ".decay.steps.soon", "a duration"),
        ("kind: activity, on: {type: a}, points: 1, window: 1d", ".window", "unknown key"),
        ("kind: quantity, on: {type: a}, each: 1", "", '"field" is missing'),
        ("kind: frequency, on: {type: a}, window: 20000h, tiers: {1: 1}", ".window", "found 20000h"),
        ("kind: frequency, on: {type: a}, window: 7d, tiers: {0: 1}", ".tiers.0", "a count"),
        ("kind: frequency, on: {type: a}, window: 7d, tiers: {1001: 1}", ".tiers.1001", "to 1000"),
        ("kind: distinct, on: {type: a}, window: 7d, tiers: {1: 1}", "", '"of" is missing'),
        ("kind: complete, on: {type: a}, of: x, values: [], window: 7d, points: 1", ".values", "an empty list"),
        ("kind: ratio, numerator: {}, denominator: {}, window: 7d, min: 0, tiers: {1: 1}", ".min", "from 1"),
        ("kind: ratio, numerator: {}, denominator: {}, window: 7d, min: 1, tiers: {x: 1}", ".tiers.x", "a ratio"),
        ("kind: fact, points: 1", "", '"when" is missing'),
        ("kind: fact, when: [], points: 1", ".when", "a list"),
        ("kind: fact, when: {a: null}, points: 1", ".when.a", "exists: false"),
        ("kind: fact, when: {a: {gte: 5}}, points: 1", ".when.a.gte", 'did you mean "ge"'),
        ("kind: fact, when: {a: {eq: [1, 2]}}, points: 1", ".when.a.eq", "use `in`"),
        ("kind: fact, when: {a: {between: [5, 1]}}, points: 1", ".when.a.between", "the lower bound first"),
        ("kind: fact, when: {a: {between: [1, x]}}, points: 1", ".when.a.between", "one of each"),
        ("kind: fact, when: {a: {regex: '('}}, points: 1", ".when.a.regex", "missing )"),
        ("kind: fact, when: {a: {case: true}}, points: 1", ".when.a", "an operator beside"),
        ("kind: fact, when: {any: []}, points: 1", ".when.any", "an empty list"),
        ("kind: fact, when: {account.score: {ge: 5}}, points: 1", ".when.account.score", "score of the account"),
        ("kind: per_unit, fact: employees, each: 1, min: 5, max: 1", ".max", "not below min"),
        ("kind: inactivity, on: {}, after: {0d: -5}", ".after.0d", "found 0d"),
        ("kind: wish, points: 1", ".kind", "expected a kind of rule"),
    ],
)
def test_mistakes_in_rules(rule: str, path: str, words: str) -> None:
    """Each mistake in a rule is said at its place, with what was expected."""
    found = rule_problems(rule)
    assert any(line.startswith(f"rules[1]{path}: ") and words in line for line in found), found


def test_a_group_belongs_to_one_score() -> None:
    """A rule that feeds another score can't be in the group."""
    extra = "  - {id: two, kind: fact, score: fit, group: g, when: {}, points: 1}\ngroups: {g: {score: engagement}}\n"
    assert problems(extra) == [
        'rules[1].group: expected a group of the score "engagement"'.replace("engagement", "fit")
        + ', found "g", of "engagement"'
    ]


def test_a_roll_up_takes_no_score_that_depends_on_the_account() -> None:
    """Section 8: no feedback, neither through a combined score nor through a rule's condition."""
    account = "account: {scores: {big: {rollup: {score: %s, sum: true}}}}\n"
    combined = "combined: {total: {weights: {fit: 1}}, all: {weights: {total: 1, account.score: 0.1}}}\n"
    assert "all -> account.big" in problems(combined + account % "all")[0]
    rule = "  - {id: two, kind: fact, score: fit, when: {account.big: {ge: 5}}, points: 1}\n"
    assert "fit -> account.big" in problems(rule + account % "fit")[0]
    assert "total -> fit -> account.big" in problems(rule + combined + account % "total")[0]
    load_model(SMALL + combined + account % "total", "m")
    fact = "  - {id: two, kind: fact, score: fit, when: {account.industry: x}, points: 1}\n"
    load_model(SMALL + fact + account % "fit", "m")


def test_account_score_is_put_into_its_full_form() -> None:
    """`account.score` is the account's score where it has one."""
    text = SMALL + (
        "combined: {total: {weights: {fit: 1, account.score: 0.5}}}\n"
        "ladders: {l: [{stage: a}, {stage: b, enter: {scores: {account.score: {ge: 9}}, facts: {account.score: {ge: 5}}}}]}\n"
        "account: {scores: {big: {}}}\n"
    )
    model = load_model(text, "m")
    assert model.lead.combined[0].weights == (("fit", 1), ("account.big", 0.5))
    enter = model.lead.ladders[0].stages[1].enter
    assert isinstance(enter, All)
    assert {part.name for part in enter.parts if isinstance(part, (ScoreIs, FieldIs))} == {"account.big"}


def test_combined_scores_come_after_their_parts() -> None:
    """Whatever their order in the file."""
    text = SMALL + "combined: {c: {weights: {b: 1}}, b: {weights: {a: 1}}, a: {weights: {fit: 1}}}\n"
    assert [one.name for one in load_model(text, "m").lead.combined] == ["a", "b", "c"]


def test_a_stage_without_hold_holds_while_it_could_be_entered() -> None:
    """Section 6: `hold` defaults to `enter`; `{}` always holds; with neither it always holds."""
    text = SMALL + (
        "ladders: {l: [{stage: a}, {stage: b, enter: {scores: {fit: {ge: 5}}}},"
        " {stage: c, enter: {scores: {fit: {ge: 9}}}, hold: {}}, {stage: d, sticky: true}]}\n"
    )
    a, b, c, d = load_model(text, "m").lead.ladders[0].stages
    assert (a.enter, a.hold, d.hold, d.sticky) == (None, None, None, True)
    assert b.hold == b.enter
    assert c.hold == All(())


def test_ladder_conditions_take_their_parts() -> None:
    """Scores, grades, bands, facts, signals, and all, any, not of them."""
    text = SMALL + (
        "grades: {g: {rows: {score: fit, ranges: {A: 0}}, columns: {score: engagement, ranges: {1: 0}}}}\n"
        "bands: {t: {score: fit, ranges: {hot: 0}}}\n"
        "ladders: {l: [{stage: a}, {stage: b, enter: {any: [{grades: {g: A1}}, {bands: {t: hot}}],"
        " not: {facts: {x: 1}}, signal: {on: {type: t}, within: 7d}}}]}\n"
    )
    enter = load_model(text, "m").lead.ladders[0].stages[1].enter
    assert isinstance(enter, All)
    either, negated, signal = enter.parts
    assert isinstance(either, AnyOf)
    assert [type(part) for part in either.parts] == [GradeIs, BandIs]
    assert isinstance(negated, Not)
    assert isinstance(signal, Signal)
    assert signal.within == 7 * 86_400_000


def test_tiers_and_steps_are_ascending() -> None:
    """Whatever their order in the file."""
    text = SMALL + (
        "  - {id: f, kind: frequency, score: fit, on: {}, window: 7d, tiers: {10: 5, 9: 4, 1: 1}}\n"
        "  - {id: d, kind: activity, score: fit, on: {}, points: 1, decay: {steps: {10d: 0.5, 2d: 1}}}\n"
    )
    frequency, steps = load_model(text, "m").lead.rules[1:]
    assert isinstance(frequency, FrequencyRule)
    assert frequency.tiers == ((1, 1), (9, 4), (10, 5))
    assert steps.decay.steps == ((172_800_000, 1), (864_000_000, 0.5))  # type: ignore[union-attr]


def test_a_clamp_may_leave_a_side_open() -> None:
    """S089: `null` bounds nothing."""
    (score,) = load_model("model: x\nscores: {a: {clamp: [0, null]}}", "m").lead.scores
    assert (score.low, score.high) == (0, None)


def test_the_version_is_that_of_the_canonical_json() -> None:
    """YAML and JSON, quoted keys, order and `5` or `5.0` make no difference; a point does."""
    yaml = "model: x\nscores: {a: {base: 5}}\nrules: [{id: r, kind: frequency, score: a, on: {}, window: 1d, tiers: {1: 5}}]"
    model = load_model(yaml, "m")
    again = json.dumps(dict(reversed(model.document.items())))
    assert len(model.version) == 64
    assert load_model(again, "m").version == model.version
    assert load_model(yaml.replace("base: 5", "base: 5.0").replace("{1: 5}", '{"1": 5}'), "m").version == model.version
    assert load_model(yaml.replace("base: 5", "base: 6"), "m").version != model.version


def test_free_mail_is_no_spam_sign_for_consumers() -> None:
    """S147: the same rule takes points from a Gmail address of a business audience only; other rules still see it."""
    rules = (
        "  - {id: s, kind: fact, score: fit, class: spam, when: {free_mail: true}, points: -10}\n"
        "  - {id: t, kind: fact, score: fit, when: {any: [{free_mail: true}, {keyboard_run: {ge: 4}}]}, points: -5}\n"
        "  - {id: u, kind: fact, score: fit, when: {free_mail: true}, points: 5}\n"
    )
    for audience, seen in (("business", [True, True, True]), ("consumer", [False, False, True])):
        model = load_model(SMALL + rules + f"audience: {audience}\n", "m")
        assert ["free_mail" in repr(rule) for rule in model.lead.rules[1:]] == seen


def test_hundreds_of_problems_are_bounded() -> None:
    """A file that is wrong everywhere gets a list that ends."""
    extra = "".join(f"  - {{id: r{i}, kind: wish}}\n" for i in range(1_000))
    assert len(problems(extra)) == 200


SPEC = Path(__file__).parents[5] / "shared" / "spec"


@pytest.mark.skipif(not SPEC.exists(), reason="the specification is not beside the repository")
def test_the_models_of_the_specification_load() -> None:
    """The example model, and every model of the conformance cases."""
    files = [SPEC / "model.example.yaml", *sorted(SPEC.glob("cases/*/model.yaml"))]
    for file in files:
        model = load_model(file.read_text(encoding="utf-8"), file.name)
        assert load_model(json.dumps(model.document), file.name) == model
    assert len(files) > 1

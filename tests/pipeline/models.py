"""A small model with every kind of path between leads and accounts."""

from stream_app.engine.model.load import load_model
from stream_app.engine.model.types import Model

TEXT = """
model: small
resolution: 1h
lateness: 30d
max_future_skew: 5m
scores:
  interest: {clamp: [0, 100], precision: 1}
  fit: {}
combined:
  total: {weights: {interest: 1, fit: 1, account.score: 0.1}}
bands:
  warmth: {score: total, ranges: {warm: 30, cold: 0}}
rules:
  - {id: view, kind: activity, score: interest, on: {channel: web, type: page_view}, points: 10, decay: {half_life: 2d}}
  - {id: open, kind: activity, score: interest, on: {channel: email, type: open}, points: 4,
     limit: {times: 2, per: day}, decay: {steps: {0d: 1, 3d: 0.5, 6d: 0}}}
  - {id: like, kind: frequency, score: interest, on: {channel: social}, window: 3d, tiers: {1: 3, 3: 12}}
  - {id: title, kind: fact, score: fit, when: {job_title: {contains: chief}}, points: 20}
  - {id: large, kind: fact, score: fit, when: {employees: {ge: 100}}, points: 15}
ladders:
  lifecycle:
    - {stage: known}
    - {stage: mql, enter: {scores: {total: {ge: 30}}}, hold: {scores: {total: {ge: 15}}}, min_dwell: 1d, cooldown: 1d}
    - {stage: sql, enter: {scores: {total: {ge: 60}}}, hold: {scores: {total: {ge: 40}}}}
    - {stage: customer, sticky: true}
account:
  scores:
    score:
      rollup: {score: interest, sum: true, per_member: 40}
      breadth: {fact: department, min_score: 5, points: {2: 10, 3: 25}}
  rules:
    - {id: funding, kind: activity, score: score, on: {channel: account, type: funding}, points: 30, decay: {half_life: 4d}}
    - {id: growing, kind: fact, score: score, when: {growth: {ge: 0.2}}, points: 5}
  ladders:
    account:
      - {stage: target}
      - {stage: mqa, enter: {scores: {score: {ge: 60}}}, hold: {scores: {score: {ge: 30}}}}
"""


def small_model() -> Model:
    """The model of `TEXT`."""
    return load_model(TEXT, "small.yaml")


def plain_model() -> Model:
    """The same, but leads see no score of their account: they are told of its facts only."""
    return load_model(TEXT.replace(", account.score: 0.1", ""), "plain.yaml")

"""What a process that reads goes by: one version of the model, whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from stream_app.engine.model.types import Model
from stream_app.serving.projection.ranking import ranked_scores
from stream_app.topics import Manifest
from stream_app.worker.composition import Scoring, compose


@dataclass(frozen=True)
class InForce:
    """A version, compiled, and the scores that lists are ranked by under it. It is exchanged, never changed."""

    scoring: Scoring
    ranked: frozenset[str]


def in_force(model: Model, manifest: Manifest, named: Sequence[str] = ()) -> InForce:
    """A version put in force; `named` are the scores to rank by. Raises `KnownError` for one that it does not have."""
    return InForce(compose(model, manifest), ranked_scores(model, named))

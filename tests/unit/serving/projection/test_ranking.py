"""Records are ranked as the version that made them says."""

import pytest

from stream_app.engine.model.types import Model
from stream_app.serving.projection.ranking import Rankings, UnknownVersionError
from tests.pipeline.models import small_model


async def test_a_version_is_asked_for_once() -> None:
    """One that was never published is ranked as the file says; however many there seem to be, not all are asked for."""
    asked = []

    async def published(version: str) -> Model | None:
        asked.append(version)
        return small_model() if version == "known" else None

    rankings = Rankings(frozenset(["fit"]), published)
    for version in ("known", "other"):
        with pytest.raises(UnknownVersionError):
            rankings.of(version)
        await rankings.learn(version)
    assert [sorted(rankings.of(version)) for version in ("known", "other")] == [["score", "total"], ["fit"]]
    for number in range(998):
        await rankings.learn(str(number))
    assert (sorted(rankings.of("one more")), len(asked)) == (["fit"], 1_000)


def test_scores_that_are_named_count_for_all_versions() -> None:
    """And nobody is asked."""
    assert Rankings(frozenset(["fit"])).of("any") == {"fit"}

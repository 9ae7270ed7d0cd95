"""The projection in a real Valkey."""

import itertools
from collections.abc import AsyncIterator

import pytest

from stream_app.serving.projection.store import Store, open_store
from tests.projection.contract import ProjectionContract

_numbers = itertools.count()


@pytest.fixture
async def projection(valkey: str) -> AsyncIterator[Store]:
    """An empty one, under a prefix of its own that looks like a pattern."""
    async with open_store(valkey, f"contract[{next(_numbers)}]*:") as store:
        yield store


class TestValkey(ProjectionContract):
    """See the contract."""

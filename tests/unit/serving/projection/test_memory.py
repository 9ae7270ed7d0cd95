"""The projection in memory keeps the contract."""

import pytest

from stream_app.serving.projection.memory import Memory
from tests.projection.contract import ProjectionContract


@pytest.fixture
def projection() -> Memory:
    """An empty one."""
    return Memory()


class TestMemory(ProjectionContract):
    """See the contract."""

"""Fixtures of a secured cluster; a test module imports those that it uses."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.conftest import start_or_skip
from tests.secured.authority import Authority
from tests.secured.cluster import USERS, Cluster
from tests.secured.server import SecuredKafka
from tests.secured.tunnel import tunnel

_numbers = itertools.count()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SecuredKafka, Authority]]:
    """The broker of this module, and its CA."""
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder / "ca")
    server = SecuredKafka(folder / "kafka", authority, USERS)
    start_or_skip(server)
    yield server, authority
    server.kill()


@pytest.fixture
def cluster(secured: tuple[SecuredKafka, Authority], tmp_path: Path) -> Cluster:
    """A system of its own on it."""
    return Cluster(*secured, tmp_path, f"secured-{next(_numbers)}.")


@pytest.fixture
async def rediss(cluster: Cluster, valkey: str) -> AsyncIterator[dict[str, str]]:
    """The environment by which Valkey is reached over TLS."""
    async with tunnel(cluster.authority, valkey) as port:
        yield {"REDIS_URL": f"rediss://127.0.0.1:{port}/0", "REDIS_SSL_CAFILE": str(cluster.authority.certificate)}

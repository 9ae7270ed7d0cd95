"""Fixtures that every test may use: a real Kafka and a real Valkey, one of each per test process, on free ports.

Each pytest-xdist worker has its own, so that a test may restart or kill the broker. They start when the first test asks
for them and end with the process, SIGKILL included (see `stream_app/local/keeper.py`).
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from stream_app.local.errors import ToolMissingError
from stream_app.local.kafka import KafkaServer
from stream_app.local.valkey import ValkeyServer

# `make test` has to be quick and to say the same twice; `make fuzz` looks for what it misses.
settings.register_profile("default", deadline=None, max_examples=100, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=int(os.environ.get("FUZZ_EXAMPLES", "5000")))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def start_or_skip(server: KafkaServer | ValkeyServer) -> None:
    """Start a server; where what it needs is not installed, skip the test, except in CI, where that is a failure."""
    try:
        server.start()
    except ToolMissingError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """The session's broker as an object, for tests that stop, kill or restart it. Leave it running."""
    server = KafkaServer(tmp_path_factory.mktemp("kafka"), heap="384m")
    start_or_skip(server)
    yield server
    server.kill()


@pytest.fixture
def broker(kafka_server: KafkaServer) -> str:
    """`host:port` of the session's broker, which is up. Topics are shared by its tests: give yours names of their own."""
    kafka_server.start()
    return kafka_server.bootstrap


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """The session's Valkey as an object, for tests that stop, kill or restart it. Leave it running."""
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"), persist=False)
    start_or_skip(server)
    yield server
    server.kill()


@pytest.fixture
def valkey(valkey_server: ValkeyServer) -> str:
    """`redis://host:port/0` of the session's Valkey, which is up. Keys are shared by its tests: give yours a prefix."""
    valkey_server.start()
    return valkey_server.url


@pytest.fixture
def repository() -> Path:
    """The root of the source tree."""
    return Path(__file__).resolve().parent.parent

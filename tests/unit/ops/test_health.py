"""`/livez` and `/readyz`, and the small server that answers them."""

import asyncio
import http.client
import socket
import time

import pytest
from prometheus_client import CollectorRegistry

from stream_app.errors import KnownError
from stream_app.ops.health import WorkerHealth
from stream_app.ops.http import Answer, Endpoints, health_page, metrics_page
from stream_app.streaming.lane import Lane
from stream_app.streaming.lanes import Lanes
from stream_app.streaming.store import MemoryStore
from tests.unit.streaming.test_lane import AGENT, Nowhere, settings


def lanes_with(*stuck: int) -> Lanes:
    """Lanes that have owed work for so many seconds."""
    made = Lanes(settings(), lambda *_: 1 / 0, lambda *_: MemoryStore(), lambda: 0, lambda *_: None)  # type: ignore[arg-type]
    for partition, seconds in enumerate(stuck):
        lane = Lane(settings(), AGENT, partition, MemoryStore(), Nowhere(), lambda: 0, lambda *_: None)
        lane.stats.stuck_seconds, lane.stats.recovery_left = seconds, 500
        made._lanes["lead", partition] = lane
    return made


async def test_a_lane_without_progress_is_death() -> None:
    """Half a minute of owed work and nothing committed; not before."""
    assert await asyncio.to_thread(WorkerHealth(lanes_with(0, 29)).dead) is None
    fault = await asyncio.to_thread(WorkerHealth(lanes_with(0, 30)).dead)
    assert fault == "lane lead-1 has work and made no progress for 30 s"


def hang(seconds: float) -> None:
    """Give the event loop no turn."""
    time.sleep(seconds)


async def test_an_event_loop_that_hangs_is_death(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes from another thread, so it comes all the same."""
    monkeypatch.setattr("stream_app.ops.health.TURN_SECONDS", 0.2)
    asked = asyncio.create_task(asyncio.to_thread(WorkerHealth(lanes_with()).dead))
    await asyncio.sleep(0)
    hang(0.6)
    assert (await asked or "").startswith("the event loop took no turn")


async def test_ready_is_recovered() -> None:
    """Before it knows its partitions, and while their changelogs are read, a worker is not ready."""
    assert WorkerHealth(lanes_with()).unready() == "not assigned yet"
    assert WorkerHealth(lanes_with(0, 0)).unready() == "recovering: 1000 changelog records left"
    none = lanes_with()
    await none.assign([])  # a spare worker: more of them than partitions
    assert WorkerHealth(none).unready() is None


def asked(port: int, path: str) -> tuple[int, bytes]:
    """Status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_pages_are_served() -> None:
    """Health says why not; a page that fails says so and no more; others there are none."""

    def broken() -> Answer:
        raise ValueError("secret")

    pages = {
        "/metrics": metrics_page(CollectorRegistry()),
        "/livez": health_page(lambda: None),
        "/readyz": health_page(lambda: "not yet"),
        "/broken": broken,
    }
    with Endpoints("127.0.0.1", 0, pages) as served:
        assert asked(served.port, "/metrics")[0] == 200
        assert asked(served.port, "/livez?verbose") == (200, b"ok\n")
        assert asked(served.port, "/readyz") == (503, b"not yet\n")
        assert asked(served.port, "/broken") == (500, b"failed: see the log\n")
        assert asked(served.port, "/etc/passwd") == (404, b"no such page\n")
        with pytest.raises(KnownError, match="cannot serve metrics on 127.0.0.1"):
            Endpoints("127.0.0.1", served.port, pages)


def test_silent_clients_do_not_lock_others_out_for_good() -> None:
    """Eight that say nothing take all places; once they are gone there is room."""
    with Endpoints("127.0.0.1", 0, {"/livez": health_page(lambda: None)}) as served:
        silent = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(8)]
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            asked(served.port, "/livez")
        for one in silent:
            one.close()
        deadline = time.monotonic() + 5
        while True:
            try:
                assert asked(served.port, "/livez") == (200, b"ok\n")
                return
            except (http.client.RemoteDisconnected, ConnectionResetError):
                assert time.monotonic() < deadline

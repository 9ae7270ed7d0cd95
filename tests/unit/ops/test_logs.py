"""What log lines look like, and what is never in them."""

import io
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import structlog

from stream_app.errors import KnownError
from stream_app.ops.logs import LONGEST, configure, masked

log = logging.getLogger("somewhere")
Written = Callable[[str], io.StringIO]


@pytest.fixture
def written() -> Iterator[Written]:
    """Logging set up in a format, to a stream; put back afterwards."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level

    def set_up(kind: str) -> io.StringIO:
        stream = io.StringIO()
        configure("info", kind, stream)
        return stream

    yield set_up
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[Any]:
    """The lines as JSON."""
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_for_people(written: Written) -> None:
    """As it always was, with fields behind it."""
    stream = written("console")
    log.info("assigned: %s", "lead-0, lead-1")
    log.warning("slow", extra={"seconds": 3})
    log.debug("not this")
    first, second = stream.getvalue().splitlines()
    assert first.endswith(" INFO somewhere: assigned: lead-0, lead-1")
    assert second.endswith(" WARNING somewhere: slow seconds=3")


def test_a_line_for_programs(written: Written) -> None:
    """The standard library's loggers and structlog's alike, with what is bound to the context: the id that ties them."""
    stream = written("json")
    with structlog.contextvars.bound_contextvars(correlation_id="e-1"):
        log.info("scored %d", 3, extra={"ladder": "lifecycle"})
        structlog.get_logger("elsewhere").info("moved", to="mql")
    found = lines(stream)
    assert [line.pop("timestamp")[:2] for line in found] == ["20", "20"]
    assert found == [
        {"correlation_id": "e-1", "event": "scored 3", "ladder": "lifecycle", "level": "info", "logger": "somewhere"},
        {"correlation_id": "e-1", "event": "moved", "to": "mql", "level": "info", "logger": "elsewhere"},
    ]


def test_personal_data_and_secrets_are_masked_everywhere(written: Written) -> None:
    """In texts, arguments, fields at any depth, and tracebacks."""
    stream = written("json")
    log.info("lead %s of %s", "email:ann@acme.example", "redis://u:hunter2@host:6379/0")
    log.info(
        "sent", extra={"headers": {"Authorization": "Bearer abc.def"}, "to": ["bob@acme.example"], "api_key": "k1"}
    )
    structlog.get_logger().info("x", sasl_plain_password="hunter2", lead="user:u-1")
    try:
        raise ValueError("cannot mail cy@acme.example with token=t0ps3cret")
    except ValueError:
        log.exception("failed")
    text = stream.getvalue()
    for hidden in ("ann@", "bob@", "cy@", "hunter2", "abc.def", "k1", "t0ps3cret"):
        assert hidden not in text
    found = lines(stream)
    assert (found[0]["event"], found[2]["lead"]) == ("lead email:***@*** of redis://***@host:6379/0", "user:u-1")
    assert "ValueError: cannot mail ***@*** with token=***" in found[3]["exception"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("KAFKA at 10.0.0.1:9092, group g", "KAFKA at 10.0.0.1:9092, group g"),
        ('{"password": "x", "path": "/pricing"}', '{"password": "***", "path": "/pricing"}'),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("a+b.c@mail.acme.example.", "***@***."),
        ("x" * (LONGEST + 5), "x" * LONGEST + "..."),
    ],
)
def test_what_is_masked(text: str, shown: str) -> None:
    """And what is not."""
    assert masked(text) == shown


def test_masking_is_quick_whatever_is_logged() -> None:
    """A hostile text costs no more than its length."""
    for hostile in (
        "a" * LONGEST,
        "a@" * (LONGEST // 2),
        "a@b." * (LONGEST // 4),
        "://" * (LONGEST // 3),
        "token=" * 2_700,
    ):
        began = time.perf_counter()
        masked(hostile)
        assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize(("level", "kind"), [("loud", "json"), ("info", "xml")])
def test_settings_that_cannot_be(level: str, kind: str) -> None:
    """One line, that says what there is."""
    with pytest.raises(KnownError, match="is n"):
        configure(level, kind)

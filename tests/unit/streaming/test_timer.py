"""How far time may pass."""

import pytest

from stream_app.streaming.settings import ClockMode
from stream_app.streaming.timer import target

NOW, GRACE = 100_000, 1000


@pytest.mark.parametrize(
    ("mode", "seen", "caught_up", "expected"),
    [
        ("wall", 5_000, True, NOW - GRACE),
        ("wall", -1, True, NOW - GRACE),
        ("wall", 5_000, False, -1),
        ("event", 5_000, True, 5_000),
        ("event", -1, True, -1),
        ("event", 5_000, False, -1),
        ("event", NOW + 50_000, True, NOW),
        ("stopped", 5_000, True, -1),
    ],
)
def test_target(mode: ClockMode, seen: int, caught_up: bool, expected: int) -> None:
    """Nowhere in a lane that is behind; else the present less a grace, or what events have shown, never past the present."""
    assert target(mode, NOW, GRACE, seen, caught_up) == expected

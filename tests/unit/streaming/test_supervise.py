"""What is started again, and when."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from stream_app.streaming.supervise import Backoff, supervise

FAST = Backoff(first=0.01, longest=0.02)

SCRIPT = """
import pathlib, sys
path = pathlib.Path(sys.argv[1])
runs = len(path.read_text()) if path.exists() else 0
path.write_text("x" * (runs + 1))
codes = [int(code) for code in sys.argv[2].split(",")]
sys.exit(codes[min(runs, len(codes) - 1)])
"""


def runs(path: Path, codes: str) -> tuple[int, int]:
    """Exit code and number of runs of a worker that ends with these codes, one after the other."""
    code = supervise([sys.executable, "-c", SCRIPT, str(path), codes], backoff=FAST)
    return code, len(path.read_text())


def test_failures_are_started_again_until_one_ends_well(tmp_path: Path) -> None:
    """Exit codes 70 and 1 are failures, 0 is the end."""
    assert runs(tmp_path / "a", "70,1,70,0") == (0, 4)


def test_settings_that_cannot_work_are_not_tried_again(tmp_path: Path) -> None:
    """Exit code 2 is passed on."""
    assert runs(tmp_path / "a", "2") == (2, 1)


def test_waits_grow_to_a_longest_and_are_spread() -> None:
    """0.5, 1, 2, ... 30 seconds, a fifth more or less."""
    backoff = Backoff()
    assert [backoff.wait(n, lambda: 0.5) for n in (1, 2, 3, 7, 100)] == [0.5, 1.0, 2.0, 30.0, 30.0]
    assert backoff.wait(1, lambda: 0.0) == 0.4 and backoff.wait(1, lambda: 1.0) == 0.6


def test_sigterm_is_passed_on_and_awaited(tmp_path: Path) -> None:
    """The worker gets SIGTERM; its code is the supervisor's; what does not stop is killed."""
    polite = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\nprint('up', flush=True)\ntime.sleep(60)"
    deaf = polite.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")
    for program, expected in ((polite, 0), (deaf, -signal.SIGKILL)):
        began = time.monotonic()
        timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        assert supervise([sys.executable, "-c", program], backoff=FAST, stop_within=0.5) == expected
        assert time.monotonic() - began < 10


def test_handlers_are_given_back() -> None:
    """The signals are as they were."""
    before = signal.getsignal(signal.SIGTERM)
    supervise([sys.executable, "-c", ""], backoff=FAST)
    assert signal.getsignal(signal.SIGTERM) is before

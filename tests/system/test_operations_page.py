"""docs/operations.md: the round to try, as an operator goes it."""

import re
from pathlib import Path

import pytest

from stream_app.local.process import free_port
from tests.pipeline.page import newcomer

_ROUND = re.compile(r"^## Try it\n.*?^```\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PORT = "9308"


@pytest.mark.timeout(180)
def test_start_break_see_and_mend(repository: Path, tmp_path: Path, kafka_server: object) -> None:
    """Each command in its order, and after each what the page says of it, by and by. (`kafka_server`: the jars are there.)"""
    page = (repository / "docs" / "operations.md").read_text(encoding="utf-8")
    found = _ROUND.search(page)
    assert found is not None
    up, start, send, look, stop, again, see, mend, watch = found.group(1).splitlines()
    assert "--watch" in watch
    port = str(free_port())
    script = "\n".join([
        "comes() { until eval \"$1\"; do sleep 0.3; done; }",
        up,
        start.replace("&", "> worker.log 2>&1 &", 1),
        f"comes 'curl -sf localhost:{_PORT}/readyz'",
        send,
        look,
        "comes 'stream-app lag --max-seconds 5 > lag.txt'",
        stop,
        again,
        f"comes '! {see.partition('#')[0].strip()} > lag.txt && grep -Ew \"stalled|stopped\" lag.txt'",
        "comes 'stream-app lag | grep -w stopped'",
        mend,
        "comes 'stream-app lag --max-seconds 5 > lag.txt'",
        f"comes 'curl -sf localhost:{_PORT}/readyz'",
        "kill $supervisor; wait $supervisor",
    ])  # fmt: skip
    code, said = newcomer(script.replace(_PORT, port), repository, tmp_path, within=150)
    log = tmp_path / "worker.log"
    assert code == 0, said[-4000:] + (log.read_text()[-2000:] if log.exists() else "")

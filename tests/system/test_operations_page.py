"""docs/operations.md: the round to try, as an operator goes it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stream_app.local.process import free_port

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
        "set -euo pipefail",
        "comes() { until eval \"$1\"; do sleep 0.3; done; }",
        up,
        start.replace("&", "> worker.log 2>&1 &", 1),
        "trap 'kill $supervisor; wait $supervisor; stream-app down --wipe' EXIT",
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
    ])  # fmt: skip
    shutil.copytree(repository / "examples", tmp_path / "examples")
    environment = {name: value for name, value in os.environ.items() if name not in ("KAFKA_BROKER", "REDIS_URL")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    words = ["timeout", "--kill-after", "10", "150", "bash", "-c", script.replace(_PORT, port)]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    log = tmp_path / "worker.log"
    said = done.stdout[-2000:] + done.stderr[-2000:] + (log.read_text()[-2000:] if log.exists() else "")
    assert done.returncode == 0, said

"""The README's commands, run as a newcomer would: every `sh` block, in order, in one shell."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.timeout(240)
def test_the_readmes_commands_work(repository: Path, tmp_path: Path, kafka_server: object) -> None:
    """From the first `sh` block to the last; `up` moves its ports where others run. (`kafka_server`: the jars are there.)"""
    readme = (repository / "README.md").read_text(encoding="utf-8")
    script = "set -euo pipefail\n" + "\n".join(_BLOCK.findall(readme))
    shutil.copytree(repository / "examples", tmp_path / "examples")
    environment = {name: value for name, value in os.environ.items() if name not in ("KAFKA_BROKER", "REDIS_URL")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert (done.returncode, "" if done.returncode == 0 else done.stdout[-3000:] + done.stderr[-3000:]) == (0, "")
    assert (tmp_path / "scores.ndjson").stat().st_size > 0

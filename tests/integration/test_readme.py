"""The README's commands, run as a newcomer would: every `sh` block, in order, in one shell."""

import re
from pathlib import Path

import pytest

from tests.pipeline.page import newcomer

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.timeout(240)
def test_the_readmes_commands_work(repository: Path, tmp_path: Path, kafka_server: object) -> None:
    """From the first `sh` block to the last; `up` moves its ports where others run. (`kafka_server`: the jars are there.)"""
    readme = (repository / "README.md").read_text(encoding="utf-8")
    code, said = newcomer("\n".join(_BLOCK.findall(readme)), repository, tmp_path, within=200)
    assert code == 0, said[-6000:]
    assert (tmp_path / "scores.ndjson").stat().st_size > 0

"""docs/what-if.md: its commands, run as they stand, print what the page says they print.

UPDATE_DOCS=1 writes what they print into the page.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def _commands(block: str) -> list[str]:
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def _printed(command: str, folder: Path) -> str:
    """What a command prints to stdout, as on a terminal of 120 columns without colours."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TTY_COMPATIBLE": "1",
        "TERM": "dumb",
        "COLUMNS": "120",
        "LINES": "50",
    }
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def test_the_pages_commands_print_what_it_says(repository: Path, tmp_path: Path) -> None:
    """Each block in turn, in one folder."""
    page = repository / "docs" / "what-if.md"
    text = page.read_text(encoding="utf-8")
    shutil.copytree(repository / "examples", tmp_path / "examples")

    def run(block: re.Match[str]) -> str:
        told = "".join(f"$ {command}\n{_printed(command, tmp_path)}" for command in _commands(block[1]))
        return f"```console\n{told}```"

    now = _BLOCK.sub(run, text)
    if os.environ.get("UPDATE_DOCS"):
        page.write_text(now, encoding="utf-8")
    assert len(_BLOCK.findall(text)) == 3
    assert text == now
    assert "<svg" in (tmp_path / "whatif.html").read_text(encoding="utf-8")

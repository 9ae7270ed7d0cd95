"""The commands of a page of the documents, as a shell runs them."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path


def commands_of(page: Path) -> list[str]:
    """The lines that start with `$ `."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


async def shell(command: str, folder: Path, environment: dict[str, str], within: float = 90) -> tuple[int, str, str]:
    """A line of a page: its exit code, what it wrote to standard output and error."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        command,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), within)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, out.decode(), err.decode()


def newcomer(script: str, repository: Path, folder: Path, within: float) -> tuple[int, str]:
    """A script's exit code and all that it wrote, run in a folder with the examples and nothing else, on a machine where nothing
    is set. However it ends, nothing that it has started stays."""
    shutil.copytree(repository / "examples", folder / "examples")
    environment = {name: value for name, value in os.environ.items() if name not in ("KAFKA_BROKER", "REDIS_URL")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "XDG_STATE_HOME": str(folder / "state"),
    }
    with (folder / "said").open("w+") as said:
        words = ["bash", "-c", "set -euo pipefail\n" + script]
        process = subprocess.Popen(
            words, cwd=folder, env=environment, stdout=said, stderr=said, text=True, start_new_session=True
        )
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(within)
        finally:
            with suppress(ProcessLookupError):  # what it left running in the background is in its group
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            down = [str(Path(sys.executable).with_name("stream-app")), "down", "--wipe"]
            subprocess.run(down, env=environment, capture_output=True, timeout=60, check=True)
        said.seek(0)
        return process.returncode, said.read()

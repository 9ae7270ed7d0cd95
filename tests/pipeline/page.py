"""The commands of a page of the documents, as a shell runs them."""

import asyncio
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

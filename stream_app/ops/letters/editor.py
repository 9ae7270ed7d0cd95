"""A person's editor on one dead letter after another: each value as a file, taken back when the editor ends."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

import msgspec

from stream_app.errors import KnownError
from stream_app.ops.letters.fixes import FixError, unframed
from stream_app.ops.letters.letter import Letter
from stream_app.ops.letters.replaying import UnchangedError

_LARGEST = 1024 * 1024


def edited(letter: Letter) -> bytes | None:
    """The value as the person left it. Raises `UnchangedError`, `FixError`, `KnownError` where there is no editor.

    What JSON it is is laid out for reading; the file is readable by its owner alone and is removed.
    """
    frame, raw = unframed(letter.value)
    if len(raw) > _LARGEST:
        raise FixError(f"{len(raw):,} bytes are too many for an editor: 'list --values' and 'replay --fix FILE'")
    before = _laid_out(raw)
    with tempfile.TemporaryDirectory(prefix="dead-letter-") as folder:
        file = Path(folder) / f"{letter.place.partition}-{letter.place.offset}.json"
        file.write_bytes(before)
        _edit(file)
        after = file.read_bytes()
    if after == before:
        raise UnchangedError
    return frame + after.strip()


def _laid_out(raw: bytes) -> bytes:
    try:
        return msgspec.json.format(raw, indent=2) + b"\n"
    except (msgspec.DecodeError, RecursionError):
        return raw


def _edit(file: Path) -> None:
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        code = subprocess.run([*shlex.split(command), str(file)], check=False).returncode
    except (OSError, ValueError) as error:
        raise KnownError(f"--edit: the editor {command!r} does not start: {error}; set EDITOR") from None
    if code:
        raise KnownError(f"--edit: the editor {command!r} ended with {code}; nothing more is sent")

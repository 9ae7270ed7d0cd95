"""Secrets: from the environment or from files, never from the configuration itself, and never shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stream_app.engine.model.cursor import Cursor

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret. Printing it shows where it came from."""

    value: str = field(repr=False)
    origin: str

    def __str__(self) -> str:
        return f"<{self.origin}>"


@dataclass(frozen=True, slots=True)
class Vault:
    """Where secrets come from. With `blind`, for a dry run, each is a stand-in and none is looked up."""

    environment: Mapping[str, str] = field(repr=False)
    folder: Path = Path()
    blind: bool = False

    def read(self, at: Cursor) -> Secret:
        """`${NAME}`, or a mapping with `secret_file`, relative to the configuration; else a problem."""
        if isinstance(at.node.value, dict):
            at.keys(("secret_file",), "a mapping with secret_file")
            file = at.need("secret_file", "the path of a file")
            return self._from_file(file) if file is not None else Secret("", "nothing")
        text = at.node.value if isinstance(at.node.value, str) else ""
        match = _VARIABLE.fullmatch(text)
        if match is None:
            # Not `expected`: that would show what may be a secret.
            at.problem("expected ${NAME} of an environment variable, or secret_file: a secret does not stand here")
            return Secret("", "nothing")
        if self.blind:
            return Secret("", text)
        value = self.environment.get(match[1], "").strip()
        if not value:
            at.problem(f"the environment variable {match[1]} is not set")
        return Secret(value, text)

    def _from_file(self, at: Cursor) -> Secret:
        path = self.folder / at.text("the path of a file")
        if self.blind:
            return Secret("", path.name)
        try:
            with path.open("rb") as file:
                value = file.read(_MOST_BYTES + 1)
            if len(value) > _MOST_BYTES:
                at.problem(f"{path} is larger than {_MOST_BYTES} bytes")
            text = value.decode().strip()
        except OSError as error:
            at.problem(f"{path} can't be read: {error.strerror}")
            text = "?"
        except UnicodeDecodeError:
            at.problem(f"{path} is not UTF-8")
            text = "?"
        if not text:
            at.problem(f"{path} is empty")
        return Secret(text, path.name)

"""Where local services keep their files (XDG base directory specification)."""

import os
from pathlib import Path


def cache_root() -> Path:
    """The folder for what can be fetched again: `$XDG_CACHE_HOME/stream-app`, by default `~/.cache/stream-app`."""
    return _root("XDG_CACHE_HOME", ".cache")


def state_root() -> Path:
    """The folder for the services' data: `$XDG_STATE_HOME/stream-app`, by default `~/.local/state/stream-app`."""
    return _root("XDG_STATE_HOME", ".local/state")


def _root(variable: str, fallback: str) -> Path:
    given = os.environ.get(variable, "")
    # The specification says that relative paths in these variables are invalid and to be ignored.
    base = Path(given) if Path(given).is_absolute() else Path.home() / fallback
    return base / "stream-app"

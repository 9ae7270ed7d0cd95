"""How a long-running process logs: lines on stderr."""

import logging

from stream_app.errors import KnownError


def log_from(level: str) -> None:
    """Log from a level on. Raises `KnownError` for one that there is not."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise KnownError(f"--log-level: {level!r} is none of debug, info, warning, error")
    logging.basicConfig(level=number, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("aiokafka").setLevel(max(number, logging.WARNING))

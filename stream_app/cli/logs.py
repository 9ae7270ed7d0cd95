"""How a long-running process logs: lines on stderr, for people or as JSON."""

import os


def log_from(level: str, kind: str | None = None) -> None:
    """Log from a level on, in a format that is given, or STREAM_APP_LOG_FORMAT. Raises `KnownError` where there is none such."""
    from stream_app.ops.logs import configure

    configure(level, kind or os.environ.get("STREAM_APP_LOG_FORMAT") or "console")

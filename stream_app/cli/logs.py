"""How a long-running process logs: lines on stderr, for people or as JSON."""

from typing import Annotated

import typer

LogLevel = Annotated[str, typer.Option(envvar="STREAM_APP_LOG_LEVEL", help="debug, info, warning, error.")]
LogFormat = Annotated[str, typer.Option(envvar="STREAM_APP_LOG_FORMAT", help="console or json.")]


def log_from(level: str, kind: str) -> None:
    """Log from a level on, in a format. Raises `KnownError` where there is none such."""
    from stream_app.ops.logs import configure

    configure(level, kind)

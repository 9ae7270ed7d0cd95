"""What a process's log lines look like: for people, or an object a line, with personal data and secrets masked.

The rule: every line goes through here, those of libraries and tracebacks included, whichever way it was logged. E-mail
addresses, credentials in URLs and what stands under a secret's name are masked in texts and in fields alike; a line is no
longer than a terminal and a collector can bear.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal, TextIO, get_args

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from stream_app.errors import KnownError

Format = Literal["console", "json"]

LONGEST = 16_384
"""Characters of a text in a line; what is longer is cut."""

_SECRET = r"(?:pass(?:word|wd)?|secret|token|authorization|api[_-]?key|credentials?|sasl_\w{1,40})"
_SECRET_NAME = re.compile(rf"\A\w{{0,40}}{_SECRET}\w{{0,40}}\Z", re.IGNORECASE)
_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"://[^\s/@]{1,200}@"), "://***@"),
    (re.compile(r"[\w.+%'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), "***@***"),
    (re.compile(r"\b(Bearer|Basic) [\w.~+/=-]{1,4096}"), r"\1 ***"),
    (re.compile(rf"({_SECRET}[\"']?\s{{0,3}}[=:]\s{{0,3}}[\"']?)(?!\*\*\*|Bearer |Basic )[^\s\"',;&]{{1,4096}}", re.IGNORECASE), r"\1***"),
)  # fmt: skip


def configure(level: str, kind: str = "console", stream: TextIO | None = None) -> None:
    """Log from a level on, to standard error unless a stream is given. Raises `KnownError` for a level or format there is not."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise KnownError(f"--log-level: {level!r} is none of debug, info, warning, error")
    if kind not in get_args(Format):
        raise KnownError(f"--log-format: {kind!r} is neither console nor json")
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    after: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        mask,
        _as_json if kind == "json" else _as_line,
    ]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=after, foreign_pre_chain=before))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(number)
    logging.getLogger("aiokafka").setLevel(max(number, logging.WARNING))
    logging.getLogger("asyncio").setLevel(number)
    wrap = structlog.stdlib.ProcessorFormatter.wrap_for_formatter
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *before, wrap],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def masked(text: str) -> str:
    """A text without addresses and secrets, and not too long."""
    if len(text) > LONGEST:
        text = text[:LONGEST] + "..."
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text


def mask(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """A processor of structlog: every text of a line, at any depth, is masked."""
    return {name: _masked_value(name, value) for name, value in line.items()}


def _masked_value(name: str, value: Any) -> Any:
    if _SECRET_NAME.match(name):
        return "***"
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {str(key): _masked_value(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked_value("", inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float) else masked(str(value))


def _as_json(_logger: WrappedLogger, _method: str, line: EventDict) -> str:
    return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _as_line(_logger: WrappedLogger, _method: str, line: EventDict) -> str:
    fields = dict(line)
    at, level, name = (fields.pop(key, "-") for key in ("timestamp", "level", "logger"))
    event, exception = fields.pop("event", ""), fields.pop("exception", None)
    text = f"{at} {str(level).upper()} {name}: {event}"
    text += "".join(f" {key}={value}" for key, value in fields.items())
    return text if exception is None else f"{text}\n{exception}"

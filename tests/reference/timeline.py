"""Times of the reference: RFC 3339, durations, units, calendar periods (scoring.md section 1)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_UNITS = {"ms": 1, "s": 1000, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(text: str) -> int:
    """RFC 3339 with an offset to milliseconds since the epoch; ValueError for anything else."""
    moment = datetime.fromisoformat(text.strip().upper())
    if moment.tzinfo is None:
        raise ValueError(f"naive time: {text}")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def format_time(ms: int) -> str:
    """Milliseconds since the epoch as RFC 3339 in UTC, with a fraction only where there is one."""
    seconds, fraction = divmod(ms, 1000)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:03d}Z" if fraction else f"{text}Z"


@lru_cache(maxsize=10_000)
def parse_duration(text: str | int) -> int:
    """`30m`, `12h`, `10d`, `2w` (`1d` is 24 h) to milliseconds."""
    found = re.fullmatch(r"\s*(\d+)\s*(ms|s|m|h|d|w)\s*", str(text))
    if not found:
        raise ValueError(f"no duration: {text!r}")
    return int(found[1]) * _UNITS[found[2]]


@lru_cache(maxsize=100_000)
def period(ms: int, per: str, zone: ZoneInfo) -> object:
    """What calendar period a time falls in; two times are in the same one when these are equal."""
    if per == "ever":
        return "ever"
    local = (_EPOCH + timedelta(milliseconds=ms)).astimezone(zone)
    if per == "hour":
        return (local.date(), local.hour, local.utcoffset())
    if per == "day":
        return local.date()
    if per == "week":
        return local.date() - timedelta(days=local.weekday())
    if per == "month":
        return (local.year, local.month)
    raise ValueError(f"no period: {per}")

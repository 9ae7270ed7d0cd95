"""Times at the edges and durations in models (scoring.md section 1).

Inside the engine a time is an `int`: milliseconds since the epoch, UTC. Nothing here reads a clock.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
_DAY_SECONDS = 86_400

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
LATEST = 253_402_300_799_999  # the last time that can be written, in the year 9999
_LONGEST = 64
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:[0-5]\d)", re.ASCII)
_SECONDS = {f"{second:02d}": second * SECOND for second in range(60)}
_FRACTIONS = {"Z": 0} | {f".{ms:03d}Z": ms for ms in range(SECOND)}
_DURATION = re.compile(r"(\d{1,9})([mhdw])", re.ASCII)
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}


def parse_time(text: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 time with an offset; smaller fractions are cut off.

    Raises `ValueError` for anything else: a time without offset, a day or a leap second that the calendar does not
    have, a time before 1970 or after 9999 (UTC).
    """
    if text[-1:] == "Z":
        # Nearly every time is written like this, in a minute seen just before: three look-ups, each of which checks.
        seconds = _SECONDS.get(text[17:19])
        fraction = _FRACTIONS.get(text[19:])
        if seconds is not None and fraction is not None:
            return _minute(text[:17]) + seconds + fraction
    return _parse(text)


@lru_cache(maxsize=4096)
def _minute(prefix: str) -> int:
    return _parse(f"{prefix}00Z")


def _parse(text: str) -> int:
    if len(text) > _LONGEST or _RFC3339.fullmatch(text) is None:
        raise ValueError("expected an RFC 3339 time with an offset, such as 2026-03-01T10:00:00Z")
    moment = datetime.fromisoformat(text.upper())
    milliseconds = (moment - _EPOCH) // _MILLISECOND
    if not 0 <= milliseconds <= LATEST:
        raise ValueError("a time before 1970 or after 9999")
    return milliseconds


def format_time(milliseconds: int) -> str:
    """RFC 3339 in UTC with a `Z`; milliseconds are shown only where there are any."""
    seconds, fraction = milliseconds // SECOND, milliseconds % SECOND
    text = _date(seconds // _DAY_SECONDS) + _clock(seconds % _DAY_SECONDS)
    return f"{text}.{fraction:03d}Z" if fraction else text + "Z"


@lru_cache(maxsize=4_096)
def _date(day: int) -> str:
    """The date of a day since the epoch, and a `T`."""
    return (_EPOCH + timedelta(days=day)).strftime("%Y-%m-%dT")


@lru_cache(maxsize=_DAY_SECONDS)
def _clock(seconds: int) -> str:
    """The time of a second of the day. Records are full of times: a table beats formatting."""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def parse_duration(text: str) -> int:
    """Milliseconds of a duration written `30m`, `12h`, `10d` or `2w`. Raises `ValueError` for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("expected a duration such as 30m, 12h, 10d or 2w")
    return int(match[1]) * _UNITS[match[2]]


def format_duration(milliseconds: int) -> str:
    """The shortest exact way to write a duration that `parse_duration` reads."""
    for suffix, size in (("w", WEEK), ("d", DAY), ("h", HOUR)):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{suffix}"
    return f"{milliseconds // MINUTE}m"

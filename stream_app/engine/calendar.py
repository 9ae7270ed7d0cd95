"""Calendar periods in a model's time zone (scoring.md section 1): what `limit` counts within."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from stream_app.engine.model.types import Period
from stream_app.engine.times import DAY, HOUR, MINUTE, WEEK

# Every zone's offset changes at a multiple of a quarter of an hour (UTC) in the years that matter.
_OFFSET_GRAIN = 15 * MINUTE
_CACHE_LIMIT = 100_000
_LAST_DAY = 253_370_764_800_000  # the year 9999 begins: from here on datetime could run out of days
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FOREVER = 1 << 62
_MONDAY = 3 * DAY  # the epoch was a Thursday


class Calendar:
    """Periods of one length in one zone. `span(t)` gives the period that holds `t` as `[start, end)`, milliseconds."""

    def __init__(self, timezone: str, per: Period) -> None:
        self.zone = ZoneInfo(timezone)
        self.utc = timezone == "UTC"
        self.per = per
        self._offsets: dict[int, int] = {}
        self._last: tuple[int, int] = (0, 0)

    def span(self, time: int) -> tuple[int, int]:
        """Start and end of the period around `time`."""
        start, end = self._last
        if not start <= time < end:
            self._last = start, end = self._find(time)
        return start, end

    def _find(self, time: int) -> tuple[int, int]:
        if self.per == "ever":
            return -1, _FOREVER
        if time >= _LAST_DAY:
            return _LAST_DAY, _FOREVER  # one last period, so that no time ever raises
        local = time + self._offset(time)
        if self.per == "hour":
            return self._hour(time, local)
        start, end = _local_span(self.per, local)
        return self._instant(start), self._instant(end)

    def _hour(self, time: int, local: int) -> tuple[int, int]:
        """The hour that clocks repeat in autumn is two hours: a change of offset ends an hour."""
        offset = self._offset(time)
        start, end = local - local % HOUR - offset, local - local % HOUR + HOUR - offset
        for edge in range(start - start % _OFFSET_GRAIN, end, _OFFSET_GRAIN):
            if edge > time and self._offset(edge) != offset:
                end = min(end, edge)
            elif start < edge <= time and self._offset(edge - 1) != offset:
                start = edge
        return start, end

    def _offset(self, time: int) -> int:
        """How far local time is ahead of UTC at `time`, in milliseconds."""
        if self.utc:
            return 0
        grain = time // _OFFSET_GRAIN
        offset = self._offsets.get(grain)
        if offset is None:
            if len(self._offsets) >= _CACHE_LIMIT:
                self._offsets.clear()
            moment = _EPOCH + timedelta(milliseconds=min(grain * _OFFSET_GRAIN, _LAST_DAY))
            shift = moment.astimezone(self.zone).utcoffset()
            offset = self._offsets[grain] = 0 if shift is None else round(shift.total_seconds()) * 1_000
        return offset

    def _instant(self, local: int) -> int:
        """The first instant at which local clocks show `local` or later."""
        guess = local - self._offset(local)
        candidates = sorted({local - self._offset(guess + shift) for shift in (-DAY, 0, DAY)})
        for candidate in candidates:
            if candidate + self._offset(candidate) >= local:
                return candidate
        return candidates[-1]


def _local_span(per: Period, local: int) -> tuple[int, int]:
    if per == "day":
        start = local - local % DAY
        return start, start + DAY
    if per == "week":
        start = local - (local + _MONDAY) % WEEK
        return start, start + WEEK
    day = _EPOCH + timedelta(milliseconds=local - local % DAY)
    first = day.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return (first - _EPOCH) // timedelta(milliseconds=1), (following - _EPOCH) // timedelta(milliseconds=1)

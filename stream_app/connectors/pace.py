"""How fast, and whether at all: a token bucket, the vendor's own word, and a circuit breaker. Pure: time is an argument.

The breaker opens after so many failures in a row of the vendor as a whole. While it is open nothing is sent; then one
batch goes, and either closes it or doubles the wait.
"""

from dataclasses import dataclass

from stream_app.connectors.retry import Chance


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `requests` in `per` seconds, and `burst` at once."""

    requests: float
    per: float = 1.0
    burst: float = 1.0


class Bucket:
    """A token bucket; a request takes one."""

    def __init__(self, rate: Rate, now: int) -> None:
        self._per_ms = rate.requests / (rate.per * 1000)
        self._most = max(1.0, rate.burst)
        self._level = self._most
        self._at = now

    def free_at(self, now: int) -> int:
        """When there is a token (ms): now, or later."""
        self._fill(now)
        return now if self._level >= 1 else now + int((1 - self._level) / self._per_ms) + 1

    def take(self, now: int) -> None:
        """Take a token, on credit if need be."""
        self._fill(now)
        self._level -= 1

    def _fill(self, now: int) -> None:
        self._level = min(self._most, self._level + max(0, now - self._at) * self._per_ms)
        self._at = max(self._at, now)


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """Opens after `failures` in a row, for `wait` seconds, then twice as long each time up to `longest`."""

    failures: int = 5
    wait: float = 5.0
    longest: float = 60.0


class Breaker:
    """See the module."""

    def __init__(self, settings: BreakerSettings, chance: Chance) -> None:
        self._settings = settings
        self._chance = chance
        self._failures = 0
        self._openings = 0
        self._until = 0

    @property
    def open(self) -> bool:
        """Whether the vendor counts as down; also while the one batch that tries it is on its way."""
        return self._openings > 0

    def free_at(self, now: int) -> int:
        """When something may be sent."""
        return max(now, self._until)

    def failed(self, now: int) -> bool:
        """A request failed by the vendor's fault; whether that opened the breaker just now."""
        self._failures += 1
        if now < self._until or (not self.open and self._failures < self._settings.failures):
            return False
        wait = min(self._settings.longest, self._settings.wait * 2.0 ** min(self._openings, 30))
        self._openings += 1
        # At least half: a breaker that closes at once is none.
        self._until = now + int(wait * (0.5 + 0.5 * self._chance()) * 1000)
        return self._openings == 1

    def succeeded(self) -> bool:
        """The vendor answered; whether that closed the breaker."""
        was_open = self.open
        self._failures = self._openings = self._until = 0
        return was_open


class Throttle:
    """The vendor's own word on when to come back; longer and longer where it does not say."""

    def __init__(self, chance: Chance, first: float = 1.0, longest: float = 60.0) -> None:
        self._chance = chance
        self._first, self._longest = first, longest
        self._times = 0
        self._until = 0

    def free_at(self, now: int) -> int:
        """When something may be sent."""
        return max(now, self._until)

    def asked(self, now: int, after: float | None) -> None:
        """Too many requests; `after` is `Retry-After` in seconds."""
        if after is None:
            bound = min(self._longest, self._first * 2.0 ** min(self._times, 30))
            after = bound * (0.5 + 0.5 * self._chance())
        if now >= self._until:
            self._times += 1
        self._until = max(self._until, now + int(after * 1000))

    def succeeded(self) -> None:
        """A request went through."""
        self._times = 0

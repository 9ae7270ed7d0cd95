"""When to try again, and when to give up. Pure: randomness is an argument.

Full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/): a random part of a bound that
doubles. Or a schedule, as Standard Webhooks recommends one, with a little jitter on top.
"""

from collections.abc import Callable
from dataclasses import dataclass

Chance = Callable[[], float]
"""A number from 0 up to 1, as `random.random`."""

_JITTER = 0.1
_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Backoff:
    """A random wait of up to `base` seconds, doubled each time up to `longest`; given up after `give_up` seconds."""

    base: float = 1.0
    longest: float = 300.0
    give_up: float = 72 * 3600.0

    def delay(self, attempts: int, since: float, chance: Chance) -> float | None:
        """Seconds to wait after that many failed attempts, the first of them `since` seconds ago; None: give up."""
        if since >= self.give_up:
            return None
        return chance() * min(self.longest, self.base * 2.0 ** min(attempts - 1, _MOST_DOUBLINGS))


@dataclass(frozen=True, slots=True)
class Schedule:
    """Waits one after the other, each up to a tenth longer by chance; given up when they are used up."""

    waits: tuple[float, ...]

    def delay(self, attempts: int, since: float, chance: Chance) -> float | None:
        """As `Backoff.delay`."""
        if attempts > len(self.waits):
            return None
        return self.waits[attempts - 1] * (1 + _JITTER * chance())


Retry = Backoff | Schedule

STANDARD_WEBHOOKS = Schedule((5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400))
"""https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, "Deliverability"."""

"""Sources whose events count for nothing (docs/generations.md): what names one, and whether an event is of one.

A source is condemned by an address or network, a user agent, a campaign, a source or any property, from a time on or
altogether. The time is the event's own. Nothing here is a pattern that could run away: text is compared or searched.
"""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final, Literal

import msgspec

from stream_app.engine.activity import Activity
from stream_app.engine.times import format_time

Kind = Literal["ip", "user_agent", "campaign", "source", "property"]

MOST: Final = 1_000  # sources that may be condemned at once
_LONGEST: Final = 500
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "ip": ("ip", "ip_address"),
    "user_agent": ("user_agent",),
    "campaign": ("campaign", "campaign_id", "utm_campaign"),
    "source": ("source", "utm_source"),
}


class Condemned(msgspec.Struct, frozen=True, omit_defaults=True):
    """One source. `value` is an address or network (`ip`), a part of the user agent, else the whole value, whatever its
    case; of a `property` it is `NAME=VALUE`. `since` and `before` (ms) bound the events' times, None leaves them open."""

    kind: Kind
    value: str
    since: int | None = None
    before: int | None = None

    def __str__(self) -> str:
        text = f"{self.kind.replace('_', ' ')} {self.value}"
        if self.since is not None:
            text += f" since {format_time(self.since)}"
        return text + (f" before {format_time(self.before)}" if self.before is not None else "")


Test = Callable[[Activity], bool]


class Quarantine:
    """All condemned sources, compiled. `of` names the one that an event belongs to."""

    def __init__(self, sources: Sequence[Condemned]) -> None:
        """Raises `ValueError` for a source that can't be one."""
        if len(sources) > MOST:
            raise ValueError(f"at most {MOST} sources can be condemned at once")
        self.sources = tuple(sources)
        self._tests = [(source, _test(source)) for source in sources]

    def __bool__(self) -> bool:
        return bool(self.sources)

    def of(self, activity: Activity) -> Condemned | None:
        """The first condemned source that an event is of; None if it is of none."""
        for source, test in self._tests:
            if source.since is not None and activity.time < source.since:
                continue
            if source.before is not None and activity.time >= source.before:
                continue
            if test(activity):
                return source
        return None


def _test(source: Condemned) -> Test:
    value = source.value.strip()
    if not value or len(value) > _LONGEST:
        raise ValueError(f"{source.kind}: a value of 1 to {_LONGEST} characters is needed")
    if source.kind == "ip":
        return _of_network(value)
    if source.kind == "property":
        name, equals, wanted = value.partition("=")
        if not name or not equals:
            raise ValueError(f"property {value}: write NAME=VALUE")
        return _equal((name,), wanted)
    if source.kind == "user_agent":
        folded = value.casefold()
        return lambda activity: folded in _text(activity.properties.get("user_agent")).casefold()
    return _equal(_NAMES[source.kind], value, fact=source.kind == "source")


def _of_network(value: str) -> Test:
    try:
        network: IPv4Network | IPv6Network = ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f"ip {value}: write an address or a network, such as 203.0.113.7 or 203.0.113.0/24") from None

    def test(activity: Activity) -> bool:
        for name in _NAMES["ip"]:
            address = _address(_text(activity.properties.get(name)))
            if address is not None and address.version == network.version and address in network:
                return True
        return False

    return test


def _equal(names: tuple[str, ...], value: str, fact: bool = False) -> Test:
    folded = value.strip().casefold()

    def test(activity: Activity) -> bool:
        found = [activity.properties.get(name) for name in names]
        if fact:
            found += [activity.facts.get(name) for name in names]
        return any(_text(one).strip().casefold() == folded for one in found if one is not None)

    return test


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped if mapped is not None else address


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else "" if value is None else str(value)

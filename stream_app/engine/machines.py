"""The model's rules for what machines do, compiled (docs/models.md, "Machines").

Two kinds: a rule on the activity itself (its properties, its user agent), which says at once whether a machine acted; and
a sweep, which says so of several clicks together: `links` different links of one mail inside `within`. The verdict on a
click can then change from a person's to a machine's as others arrive, never back.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from stream_app.engine.conditions import Matcher, compile_where, selector_keys
from stream_app.engine.known_scanners import is_scanner
from stream_app.engine.model.types import MachineRule
from stream_app.engine.trackers.latest import distinct_value

_CACHED: Final = 10_000  # types come from producers: don't remember more pairs than this
_HUMAN: Final = 1 << 30
KEY: Final = 8  # bytes of a mail's or a link's digest


class PlainRule:
    """Tells by one activity alone."""

    def __init__(self, rule: MachineRule) -> None:
        self.id = rule.id
        self.where: Matcher | None = compile_where(rule.on)
        self.scanner = rule.scanner

    def takes(self, properties: Mapping[str, Any]) -> bool:
        """Whether a machine did what has these properties."""
        if self.where is not None and not self.where(properties):
            return False
        return self.scanner is None or is_scanner(properties.get(self.scanner))


class SweepRule:
    """Tells by several clicks. `ident` names what it looks at, the same in every version that looks at the same."""

    def __init__(self, rule: MachineRule) -> None:
        assert rule.sweep is not None
        sweep, on = rule.sweep, rule.on
        self.id = rule.id
        self.where: Matcher | None = compile_where(on)
        self.mail = sweep.mail
        self.link = sweep.link
        self.links = sweep.links
        self.within = sweep.within
        channels = sorted(on.channels) if on.channels is not None else None
        types = sorted(on.types) if on.types is not None else None
        text = repr((channels, types, on.where, sweep.mail, sweep.link))
        self.ident = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")

    def click(self, properties: Mapping[str, Any]) -> bytes:
        """Which mail and which link, as digests; empty for what is no click in a mail."""
        if self.where is not None and not self.where(properties):
            return b""
        mail, link = distinct_value(properties.get(self.mail)), distinct_value(properties.get(self.link))
        return b"" if mail is None or link is None else _digest(mail) + _digest(link)


class Sieve:
    """The rules for one channel and type."""

    def __init__(self, plain: list[PlainRule], sweeps: list[SweepRule]) -> None:
        self.plain = plain
        self.sweeps = sweeps

    def taken_by(self, properties: Mapping[str, Any]) -> str:
        """The first rule that says by the activity alone that a machine acted; empty if none does."""
        for rule in self.plain:
            if rule.takes(properties):
                return rule.id
        return ""

    def clicks(self, properties: Mapping[str, Any]) -> dict[int, bytes]:
        """What the sweeps look at: mail and link by the sweep's ident."""
        found: dict[int, bytes] = {}
        for rule in self.sweeps:
            click = rule.click(properties)
            if click:
                found[rule.ident] = click
        return found


class MachineRules:
    """All of a model's. `longest` is the longest sweep's `within` in milliseconds, -1 without sweeps."""

    def __init__(self, rules: tuple[MachineRule, ...]) -> None:
        self.ids: list[str] = [rule.id for rule in rules]
        self.sweeps: list[SweepRule] = []
        self.longest = -1
        self._plain: dict[tuple[str | None, str | None], list[tuple[int, PlainRule]]] = {}
        self._swept: dict[tuple[str | None, str | None], list[tuple[int, SweepRule]]] = {}
        self._sieves: dict[tuple[str | None, str], Sieve | None] = {}
        for at, rule in enumerate(rules):
            keys = selector_keys(rule.on)
            if rule.sweep is None:
                plain = PlainRule(rule)
                for key in keys:
                    self._plain.setdefault(key, []).append((at, plain))
            else:
                sweep = SweepRule(rule)
                self.sweeps.append(sweep)
                self.longest = max(self.longest, sweep.within)
                for key in keys:
                    self._swept.setdefault(key, []).append((at, sweep))
        self._rank: dict[str, int] = {sweep.id: at for at, sweep in enumerate(self.sweeps)}

    def of(self, channel: str | None, kind: str) -> Sieve | None:
        """The rules that an activity of this channel and type must be held against; None if there is none."""
        if (channel, kind) in self._sieves:
            return self._sieves[channel, kind]
        keys: list[tuple[str | None, str | None]] = [(None, None), (None, kind)]
        if channel is not None:
            keys += [(channel, None), (channel, kind)]
        plain = sorted((pair for key in keys for pair in self._plain.get(key, ())), key=lambda pair: pair[0])
        swept = sorted((pair for key in keys for pair in self._swept.get(key, ())), key=lambda pair: pair[0])
        sieve = Sieve([rule for _, rule in plain], [rule for _, rule in swept]) if plain or swept else None
        if len(self._sieves) < _CACHED:
            self._sieves[channel, kind] = sieve
        return sieve

    def rank(self, ident: str) -> int:
        """Which of two rules is named where both hold: the lower. A plain rule goes before sweeps; no rule comes last."""
        return self._rank.get(ident, -1) if ident else _HUMAN


def compile_machines(rules: tuple[MachineRule, ...]) -> MachineRules | None:
    """The rules compiled; None where a model has none."""
    return MachineRules(rules) if rules else None


def _digest(value: str) -> bytes:
    return hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=KEY).digest()

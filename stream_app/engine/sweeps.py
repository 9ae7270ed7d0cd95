"""Which clicks are part of a sweep: many different links of one mail in a moment (`sweep` in a model).

The rule kept here: a click is part of a sweep if some span of `within`, with the click in it, has clicks on at least
`links` different links of its mail, whoever else has found them out. More clicks can only add to the sweeps there are.
"""

from stream_app.engine.held import Held, Sifted
from stream_app.engine.machines import KEY, MachineRules, SweepRule


def judge(rules: MachineRules, sifted: Sifted, place: int) -> set[int]:
    """Find the sweeps that the click at `place` is part of; the trackers that had counted what is now a machine's."""
    held = sifted.held()
    item = held[place]
    lost: set[int] = set()
    for sweep in rules.sweeps:
        click = item.clicks.get(sweep.ident)
        if click is None:
            continue
        for one in _swept(_near(held, place, sweep, click[:KEY]), sweep, item.time):
            if rules.rank(sweep.id) < rules.rank(one.rule):
                if one.rule:
                    sifted.counts[one.rule] -= 1
                    sifted.found -= 1
                sifted.blame(sweep.id)
                lost.update(one.feeds)
                one.convict(sweep.id)
    return lost


def _near(held: list[Held], place: int, sweep: SweepRule, mail: bytes) -> list[Held]:
    """The clicks in the same mail that can be in a sweep with the one at `place`."""
    at, ident = held[place].time, sweep.ident
    low = high = place
    while low > 0 and held[low - 1].time >= at - sweep.within:
        low -= 1
    while high + 1 < len(held) and held[high + 1].time <= at + sweep.within:
        high += 1
    return [one for one in held[low : high + 1] if one.clicks.get(ident, b"")[:KEY] == mail]


def _swept(near: list[Held], sweep: SweepRule, at: int) -> list[Held]:
    """Those that are in a window of `within`, with the time `at` in it, that has as many links as make a sweep."""
    found: list[Held] = []
    links: dict[bytes, int] = {}
    end = done = 0
    for start, one in enumerate(near):
        if one.time > at:
            break
        while end < len(near) and near[end].time <= one.time + sweep.within:
            link = near[end].clicks[sweep.ident]
            links[link] = links.get(link, 0) + 1
            end += 1
        if len(links) >= sweep.links:
            found += near[max(start, done) : end]
            done = end
        link = one.clicks[sweep.ident]
        links[link] -= 1
        if not links[link]:
            del links[link]
    return found

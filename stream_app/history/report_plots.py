"""Plots as inline SVG: pairs of bars, and nothing that a page would have to fetch. Every text is escaped here."""

from collections.abc import Sequence
from html import escape
from math import floor, log10

_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 8, 10, 34
_LABEL_WIDTH = 62  # pixels that a label below the bars needs


def pair_bars(labels: Sequence[str], pairs: Sequence[tuple[float, float]], *, what: str, wide: int = 880) -> str:
    """Bars of A and B beside each other for each label; `what` is what they count, told in full where one points."""
    high = 260
    ticks = nice_ticks(max([value for pair in pairs for value in pair], default=0.0))
    top = ticks[-1] or 1.0
    inner, tall = wide - _LEFT - _RIGHT, high - _TOP - _BOTTOM
    step = inner / max(len(labels), 1)
    parts = [_grid(ticks, top, wide, tall)]
    every = max(1, -(-_LABEL_WIDTH // max(int(step), 1)))
    for index, (label, pair) in enumerate(zip(labels, pairs, strict=True)):
        left = _LEFT + index * step
        parts += _pair(left, step, pair, top, tall, f"{label}: A {pair[0]:g}, B {pair[1]:g} {what}")
        if index % every == 0:
            parts.append(f'<text x="{left + step / 2:.1f}" y="{high - 14}" class="mid">{escape(label)}</text>')
    body = "".join(parts)
    return f'<svg viewBox="0 0 {wide} {high}" role="img" aria-label="{escape(what, quote=True)}">{body}</svg>'


def _pair(left: float, step: float, pair: tuple[float, float], top: float, tall: int, title: str) -> list[str]:
    width = max(min(step * 0.38, 26.0), 0.5)
    middle = left + step / 2
    drawn = [f"<g><title>{escape(title)}</title>"]
    for side, value, x in (("a", pair[0], middle - width), ("b", pair[1], middle)):
        height = tall * value / top
        drawn.append(
            f'<rect class="{side}" x="{x:.1f}" y="{_TOP + tall - height:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
        )
    return [*drawn, "</g>"]


def _grid(ticks: Sequence[float], top: float, wide: int, tall: int) -> str:
    lines = []
    for tick in ticks:
        y = _TOP + tall - tall * tick / top
        lines.append(f'<line x1="{_LEFT}" x2="{wide - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" class="end">{tick:g}</text>')
    return "".join(lines)


def nice_ticks(most: float) -> list[float]:
    """From 0 to at least `most` in at most six steps of 1, 2 or 5 times a power of ten (whole ones)."""
    if most <= 0:
        return [0.0, 1.0]
    size = 10 ** floor(log10(most / 5)) if most > 5 else 1
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor * 5 >= most)
    count = int(-(-most // step))
    return [float(step * index) for index in range(count + 1)]


def share_bar(value: float, most: float, side: str) -> str:
    """A bar in a table's cell, as long as the value's share of the greatest."""
    width = 0.0 if most <= 0 else min(abs(value) / most, 1.0) * 100
    return f'<span class="bar {side}" style="width:{width:.1f}%"></span>'

"""A what-if as a page of its own: no script, nothing fetched, every value escaped; light or dark as the reader has it."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from stream_app.engine.model.diff_edit import EFFECT_WORDS
from stream_app.history.report_plots import pair_bars, share_bar

MOST_WEEKS = 78
MOST_ROWS = 30
MOST_LEADS = 200
NO_RULE = "no rule's points: the ladder, caps or weights"

_STYLE = """
:root{--ink:#1f2933;--dim:#616e7c;--line:#e1e5ea;--page:#fff;--card:#f7f8fa;--a:#9aa5b1;--b:#2563eb;--up:#157f3b;--down:#b42318}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--dim:#9aa5b1;--line:#333c47;--page:#14181d;--card:#1c2229;--a:#6b7683;
--b:#6ea0ff;--up:#5bc98a;--down:#ff8a7a}}
*{box-sizing:border-box}body{margin:0 auto;max-width:960px;padding:24px;font:15px/1.5 system-ui,sans-serif;color:var(--ink);
background:var(--page)}h1{font-size:24px;margin:0}h2{margin:40px 0 8px;padding-top:16px;border-top:1px solid var(--line)}
h3{font-size:15px;margin:24px 0 4px}p{margin:4px 0;color:var(--dim)}table{width:100%;border-collapse:collapse;margin:4px 0}
th,td{text-align:left;padding:4px 8px 4px 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
th{color:var(--dim);font-weight:500}.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}.w{width:26%}
.tiles{display:flex;flex-wrap:wrap;gap:8px;margin:8px 0}.tiles div{background:var(--card);border-radius:8px;padding:8px 14px}
.tiles b{display:block;font-size:20px;font-variant-numeric:tabular-nums}.tiles div>span{color:var(--dim);font-size:13px}
.up{color:var(--up)}.down{color:var(--down)}svg{width:100%;height:auto;display:block}svg text{font-size:11px;fill:var(--dim)}
svg line{stroke:var(--line)}.mid{text-anchor:middle}.end{text-anchor:end}rect.a,.bar.a{fill:var(--a);background:var(--a)}
rect.b,.bar.b{fill:var(--b);background:var(--b)}.bar{display:block;height:7px;margin:2px 0;border-radius:2px}
.key i{display:inline-block;width:12px;height:12px;border-radius:2px;margin:0 4px 0 12px}.key i.a{background:var(--a)}
.key i.b{background:var(--b)}summary{cursor:pointer;margin:12px 0 4px;font-weight:600}
"""


def page(found: dict[str, Any]) -> str:
    """The page of a what-if's document."""
    a, b = found["a"], found["b"]
    about = (
        f"<p>{_t(b['model'])} {_t(b['version'][:12])} (B) had scored instead of "
        f"{_t(a['model'])} {_t(a['version'][:12])} (A): {_t(found['from'])} to {_t(found['until'])}, "
        f"{found['weeks']:g} weeks, {found['events']:,} events, {found['leads']['b']:,} leads. "
        f"Refused: {found['refused']['a']:,} by A, {found['refused']['b']:,} by B.</p>"
    )
    body = [
        "<h1>What if</h1>",
        about,
        '<p class="key"><i class="a"></i>A, as it was<i class="b"></i>B, as it would have been</p>',
        *_edits(found["edits"]),
    ]
    for stage in found["stages"]:
        body += _stage(stage, found["ladder"])
    body += _scores(found["scores"])
    head = (
        f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>What if: {_t(b['model'])}</title>"
    )
    return (
        f"<!doctype html><html lang=en><head>{head}<style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _edits(edits: Sequence[dict[str, Any]]) -> Iterator[str]:
    if not edits:
        yield "<p>A and B are the same version.</p>"
        return
    rows = [[_t(edit["words"]), _t(EFFECT_WORDS[edit["effect"]])] for edit in edits]
    yield "<h3>What differs</h3>" + _table(["edit", "when published"], rows, MOST_LEADS)


def _stage(stage: dict[str, Any], ladder: str) -> Iterator[str]:
    yield f"<h2>{_t(stage['stage'])}</h2><p>Leads that reach it on the ladder {_t(ladder)}, not counting orders of the CRM.</p>"
    yield _tiles(stage)
    weeks = stage["weeks"][-MOST_WEEKS:]
    yield "<h3>Arrivals a week</h3>"
    yield pair_bars([week["week"][:10] for week in weeks], [(week["a"], week["b"]) for week in weeks], what="arrivals")
    for fact, rows in stage["by"].items():
        yield f"<h3>By {_t(fact)}</h3>" + _segments(rows)
    for what in ("gained", "lost"):
        yield from _reasons(stage, what)


def _tiles(stage: dict[str, Any]) -> str:
    tiles = [
        (f"{stage['leads']['a']:,} → {stage['leads']['b']:,}", "leads"),
        (f"<span class=up>+{stage['gained']:,}</span> <span class=down>−{stage['lost']:,}</span>", "gained, lost"),
        (f"{stage['per_week']['a']:g} → {stage['per_week']['b']:g}", "a week"),
        (f"{_or(stage['p90_week']['a'])} → {_or(stage['p90_week']['b'])}", "in a busy week (nine in ten have no more)"),
        (f"{stage['sooner']:,} / {stage['later']:,}", "leads sooner / later"),
    ]
    return (
        "<div class=tiles>"
        + "".join(f"<div><b>{value}</b><span>{name}</span></div>" for value, name in tiles)
        + "</div>"
    )


def _segments(rows: Sequence[dict[str, Any]]) -> str:
    most = max([max(row["a"], row["b"]) for row in rows], default=0)
    told = [
        [
            _t(row["value"]),
            share_bar(row["a"], most, "a") + share_bar(row["b"], most, "b"),
            f"{row['a']:,}",
            f"{row['b']:,}",
            _signed(row["gained"], 0),
            _signed(0, row["lost"]),
        ]
        for row in rows
    ]
    return _table(["value", "", "A", "B", "gained", "lost"], told, MOST_ROWS, numbers=4, wide=1)


def _reasons(stage: dict[str, Any], what: str) -> Iterator[str]:
    reasons, leads = stage["reasons"][what], stage[f"{what}_leads"]
    if not leads:
        return
    most = max((row["leads"] for row in reasons), default=0)
    rows = [
        [_rule(row["rule"]), share_bar(row["leads"], most, "b"), f"{row['leads']:,}", f"{row['mean_points']:+g}"]
        for row in reasons
    ]
    yield f"<h3>Why they are {what}: the rules whose points differ</h3>"
    yield _table(["rule", "", "leads", "mean points, B less A"], rows, MOST_ROWS, numbers=2, wide=1)
    told = [[_t(lead["lead"]), _t(lead["at"]), _t(_said(lead["by"])), _why(lead["reasons"])] for lead in leads]
    yield f"<details><summary>{len(leads):,} leads {what}</summary>"
    yield _table(["lead", "at", "who", "why"], told, MOST_LEADS) + "</details>"


def _why(reasons: Sequence[dict[str, Any]]) -> str:
    return ", ".join(f"{_t(row['rule'])} {round(row['points'], 2):+g}" for row in reasons) or _rule(None)


def _said(values: dict[str, str]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in values.items())


def _scores(scores: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "<h2>Scores at the end</h2>"
    for score in scores:
        change = score["mean_change"]
        yield f"<h3>{_t(score['score'])}</h3><p>{score['up']:,} leads higher, {score['down']:,} lower"
        yield f", {change:+g} on average; " if change is not None else "; "
        yield (
            "; ".join(f"{name} {_or(score['a'][name])} → {_or(score['b'][name])}" for name in ("median", "p90"))
            + "</p>"
        )
        bins = score["histogram"]
        yield pair_bars([_bin(one) for one in bins], [(one["a"], one["b"]) for one in bins], what="leads")


def _bin(one: dict[str, Any]) -> str:
    return f"{one['from']}" if one["to"] - one["from"] == 1 else f"{one['from']} to {one['to'] - 1}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], most: int, *, numbers: int = 0, wide: int = -1) -> str:
    """A table of cells that are HTML already; the last `numbers` columns are figures, the column `wide` a bar's."""
    first = len(heads) - numbers
    kinds = [" class=n" if index >= first else " class=w" if index == wide else "" for index in range(len(heads))]
    head = "".join(f"<th{kind}>{name}</th>" for kind, name in zip(kinds, heads, strict=True))
    lines = [
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows[:most]
    ]
    more = f"<p>... and {len(rows) - most:,} more</p>" if len(rows) > most else ""
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>{more}"


def _signed(up: int, down: int) -> str:
    if up:
        return f"<span class=up>+{up:,}</span>"
    return f"<span class=down>−{down:,}</span>" if down else ""


def _rule(name: str | None) -> str:
    return f"({NO_RULE})" if name is None else _t(name)


def _or(value: Any) -> str:
    return "–" if value is None else f"{value:,}"


def _t(text: object) -> str:
    return escape(str(text), quote=True)

"""The live view: one screen that a person can take in, drawn anew a few times a second."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from stream_app.demo.board import Board, Document, Lead
from stream_app.demo.words import change, printable, short_key, when, who, why
from stream_app.engine.times import format_time

_FRAME_S: Final = 0.2
_BARS: Final = " ▁▂▃▄▅▆▇█"
_WIDE: Final = 110
_HEAD_LINES: Final = 4
_MOST_LEADS: Final = 10
_UP, _DOWN, _ACCOUNT, _NAME = "green", "red", "magenta", "cyan"


class LiveScreen:
    """See the module. Before events flow, lines of progress; then the whole screen until `show` is cancelled."""

    def __init__(self, console: Console, seconds: float | None) -> None:
        self._console = console
        self._seconds = seconds

    def say(self, line: str) -> None:
        """See `Screen`."""
        self._console.print(Text(f"  {line} …", style="dim"))

    def transition(self, document: Document) -> None:
        """See `Screen`: the board has it."""

    async def show(self, board: Board, clock: Callable[[], float]) -> NoReturn:
        """See `Screen`."""
        with Live(console=self._console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                size = self._console.size
                live.update(picture(board, clock(), self._seconds, size.width, size.height), refresh=True)
                await asyncio.sleep(_FRAME_S)


def picture(board: Board, clock: float, seconds: float | None, width: int, height: int) -> RenderableType:
    """The whole screen. `clock` is seconds since events began to flow, `seconds` how many there will be."""
    stages = _stages(board)
    room = height - _HEAD_LINES - len(stages) - 3
    leads = min(_MOST_LEADS, max(3, room // 3))
    parts: list[RenderableType] = [*_head(board, clock, seconds, width >= _WIDE), *stages]
    parts += [Rule(Text("top open leads", "bold"), align="left", style="dim"), _top(board, leads, width)]
    parts += [Rule(_feed_title(board), align="left", style="dim"), _feed(board, max(3, room - leads), width)]
    return Group(*parts)


def _head(board: Board, clock: float, seconds: float | None, wide: bool) -> list[RenderableType]:
    model = board.model
    left = f"{seconds - clock:.0f} s left" if seconds is not None and clock < seconds else f"{clock:.0f} s"
    story = format_time(board.told_to)[:16].replace("T", " ") if board.told_to is not None else "-"
    version = f" {model.version[:12]}" if wide else ""
    first = Table.grid(expand=True)
    first.add_column(no_wrap=True, overflow="ellipsis")
    first.add_column(no_wrap=True, justify="right")
    first.add_row(
        Text.assemble(("stream-app demo ", "bold"), (printable(model.name), _NAME), (version, "dim")),
        Text.assemble((story, "bold"), (f"  {left}, ctrl-C ends it", "dim")),
    )
    numbers: list[str | tuple[str, str]] = [
        (f"{board.speed:6,.0f}", "bold"),
        " events/s ",
        (_spark(list(board.speeds)[-30 if wide else -8 :]), "blue"),
    ]
    lag = "-" if board.lag is None else f"{board.lag:,}"
    late = "yellow" if board.lag is not None and board.lag > board.speed else ""
    for number, name in (
        (f"{board.scored:,}", "scored"),
        (lag, "waiting"),
        (f"{len(board.leads):,}", "leads"),
        (f"{len(board.accounts):,}", "accounts"),
    ):
        numbers += ["  ", (number, f"bold {late if name == 'waiting' else ''}"), f" {name}"]
    refused = ", ".join(f"{code} {count}" for code, count in board.refused.most_common())
    letters = Text.assemble((f"{board.refused.total():6,}", "bold"), " dead letters ", (refused, "dim"))
    return [first, Rule(style="dim"), _one_line(Text.assemble(*numbers)), _one_line(letters)]


def _stages(board: Board) -> list[RenderableType]:
    """A line a ladder: how many leads stand where."""
    lines: list[RenderableType] = []
    for ladder, stages in board.stages().items():
        text = Text.assemble((f"{printable(ladder):>9}  ", "dim"))
        for place, (stage, count) in enumerate(stages.items()):
            text.append(" → " if place else "", "dim")
            text.append(f"{printable(stage)} ", "default")
            text.append(f"{count:,}", "bold")
        lines.append(_one_line(text))
    return lines


def _top(board: Board, count: int, width: int) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", width=36 if width >= _WIDE else 28)
    table.add_column(no_wrap=True, justify="right", width=4)
    table.add_column(no_wrap=True, width=1)
    table.add_column(no_wrap=True, overflow="ellipsis", width=7)
    table.add_column(no_wrap=True, overflow="ellipsis", width=9)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    leads = board.top(count)
    for lead in leads:
        table.add_row(*_lead(lead))
    for _ in range(count - len(leads)):
        table.add_row("")
    return table


def _lead(lead: Lead) -> list[Text]:
    trend = Text("▲", _UP) if lead.trend > 0 else Text("▼", _DOWN) if lead.trend < 0 else Text("")
    stage = lead.stages[0][1] if lead.stages else ""
    return [
        Text(short_key(lead.key), _NAME),
        Text(f"{lead.score:g}", "bold"),
        trend,
        Text(printable(" ".join(lead.labels))),
        Text(printable(stage), "bold"),
        Text(printable(", ".join(lead.reasons)), "dim"),
    ]


def _feed_title(board: Board) -> Text:
    falls = sum(count for (_, _, direction, _), count in board.moves.items() if direction == "down")
    first = f"  first after {board.first_transition:.1f} s" if board.first_transition is not None else ""
    return Text.assemble(("transitions", "bold"), f" {board.transitions:,}", (f"  {falls:,} falls{first}", "dim"))


def _feed(board: Board, count: int, width: int) -> Table:
    """The latest transitions, the newest first."""
    wide = width >= _WIDE
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(no_wrap=True, width=11 if wide else 5)
    table.add_column(no_wrap=True, width=1)
    table.add_column(no_wrap=True, overflow="ellipsis", width=9)
    table.add_column(no_wrap=True, overflow="ellipsis", width=32 if wide else 19)
    table.add_column(no_wrap=True, overflow="ellipsis", width=20 if wide else 17)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    documents = list(board.latest)[-count:]
    for document in reversed(documents):
        table.add_row(*_move(board, document), style="" if _matters(document) else "dim")
    for _ in range(count - len(documents)):
        table.add_row("")
    return table


def _matters(document: Document) -> bool:
    """Whether somebody would want to hear of it: a stage that is routed to a team, the CRM's word, a fall."""
    return bool(document["route"]) or document["cause"]["kind"] == "crm" or document["direction"] == "down"


def _move(board: Board, document: Document) -> list[Text]:
    up = document["direction"] == "up"
    strong = "bold " if _matters(document) else ""
    return [
        Text(when(document), "dim", overflow="crop"),
        Text("↑" if up else "↓", _UP if up else _DOWN),
        Text(printable(document["to"]), strong + (_UP if up else _DOWN)),
        Text(who(document), _ACCOUNT if document["subject"] == "account" else _NAME),
        Text(change(board, document)),
        Text(printable(why(board, document)), "dim"),
    ]


def _one_line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _spark(values: Sequence[float]) -> str:
    """The values as bars, the greatest as high as a line."""
    greatest = max(values, default=0.0)
    if greatest <= 0:
        return ""
    return "".join(_BARS[round(value / greatest * (len(_BARS) - 1))] for value in values)

"""The plain ways to show a demo: a line a transition, or its JSON. The live view is in `view.py`."""

import asyncio
import sys
from collections.abc import Callable
from typing import NoReturn, TextIO

import orjson

from stream_app.demo.board import Board, Document
from stream_app.demo.words import line


class LineScreen:
    """A line a transition on `out`; with `json` the document as it was published (NDJSON)."""

    def __init__(self, board: Board, *, json: bool, say: Callable[[str], None], out: TextIO = sys.stdout) -> None:
        self._board = board
        self._json = json
        self._say = say
        self._out = out

    def say(self, line: str) -> None:
        """See `Screen`."""
        self._say(line)

    def transition(self, document: Document) -> None:
        """See `Screen`."""
        self._out.write((orjson.dumps(document).decode() if self._json else line(self._board, document)) + "\n")
        self._out.flush()

    async def show(self, board: Board, clock: Callable[[], float]) -> NoReturn:
        """See `Screen`: nothing but what was written."""
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

"""How commands speak: data to stdout, messages and progress to stderr."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def fail(message: str, code: int = 2) -> NoReturn:
    """End the command with one line on stderr; 2 is for wrong usage and bad input, 1 for a check that does not hold."""
    typer.echo(f"stream-app: {' '.join(message.splitlines())}", err=True)
    raise SystemExit(code)


def print_json(value: Any) -> None:
    """Print a value as indented JSON, sorted as it is given."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: drawn for a person, tab-separated lines where the output goes to a file or another program."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        for row in (headings, *rows):
            typer.echo("\t".join(row))
        return
    table = Table(*headings)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def say(line: str) -> None:
    """Tell the person who waits what is going on."""
    typer.echo(line, err=True)

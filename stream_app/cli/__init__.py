"""The command `stream-app`: one module a group of commands, no logic.

A module of this package that has commands is named in `_GROUPS` and has a function `register(app)` that adds them. What
is costly to import (Faust, say) it imports inside its commands, so that `--help` stays quick.
"""

import logging
from importlib import import_module
from typing import Annotated

import typer

from stream_app.cli.console import fail
from stream_app.errors import KnownError

_GROUPS = (
    "services",
    "topics",
    "produce",
    "worker",
    "replay",
    "model",
    "quarantine",
    "lead",
    "account",
    "dead_letters",
    "lag",
    "projector",
    "serve",
    "top",
    "connect",
    "demo",
)


def make_app() -> typer.Typer:
    """The command-line application with all its groups."""
    app = typer.Typer(
        name="stream-app",
        help="Score leads and accounts from their events, as they stream through Kafka.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # it would print local variables, secrets among them
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in _GROUPS:
        import_module(f"stream_app.cli.{name}").register(app)
    return app


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        typer.echo(f"stream-app {metadata.version('stream-app')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Score leads and accounts from their events, as they stream through Kafka."""
    # What matters of a client's troubles comes as an error of ours, in a line; processes that keep a log hear it (ops/logs.py).
    for name in ("aiokafka", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def main() -> None:
    """Run the command line. Exits with 0, with 1 where what was checked does not hold, with 2 for a known error."""
    try:
        make_app()()
    except KnownError as error:
        fail(str(error))

"""`stream-app account show`: all that a running system knows of one account."""

import asyncio
from typing import Annotated

import typer

from stream_app.cli.broker import Bootstrap, Prefix
from stream_app.cli.console import Json, fail, print_json
from stream_app.cli.reading import At, Limit, Model, reading, scoring_now


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(help="Look at one account of a running system.", no_args_is_help=True)
    group.callback()(_group)
    group.command(epilog="Example: stream-app account show acme --limit 20")(show)
    app.add_typer(group, name="account")


def _group() -> None:
    """Look at one account of a running system."""


def show(
    account: Annotated[str, typer.Argument(metavar="ID", help="The account's id, or its members' e-mail domain.")],
    model: Model = "b2b-saas",
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    at: At = None,
    limit: Limit = 10,
    json: Json = False,
) -> None:
    """Show one account: facts, scores and why, stages, members and what they bring, what comes next, transitions.

    Read from the worker's topics, as it last wrote them. Exits with 1 where the account is unknown.
    """
    asyncio.run(_show(account, model, bootstrap, prefix, at, limit, json))


async def _show(
    name: str, model: str, bootstrap: str | None, prefix: str, at: int | None, limit: int, json: bool
) -> None:
    from stream_app.cli.account_drawing import draw_account
    from stream_app.cli.subject_drawing import open_console
    from stream_app.serving.accounts import view_of_account

    async with reading(bootstrap, prefix) as reader:
        scoring = await scoring_now(reader, model)
        view = await view_of_account(reader, scoring, name.removeprefix("account:"), at, limit)
    if view is None:
        fail(f"{name}: no account is known by this id", 1)
    if json:
        print_json(view.as_json())
    else:
        draw_account(view, open_console())

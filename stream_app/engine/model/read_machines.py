"""The section `machines`: which activities are no person's (docs/models.md)."""

from typing import Final

from stream_app.engine.model.cursor import MAX_NAME, MAX_TEXT, Cursor
from stream_app.engine.model.problems import shown
from stream_app.engine.model.read_conditions import read_selector
from stream_app.engine.model.types import MachineRule, Selector, Sweep
from stream_app.engine.times import SECOND

MAX_RULES: Final = 100
MAX_SWEEPS: Final = 8
LINKS: Final = (2, 100)
SECONDS: Final = (1, 3_600)
MACHINE_KEYS: Final = ("id", "description", "on", "scanner", "sweep")
SWEEP_KEYS: Final = ("mail", "link", "links", "seconds")
_EXAMPLE: Final = "such as {id: marked, on: {where: {machine: true}}}"


def read_machines(at: Cursor | None) -> tuple[MachineRule, ...]:
    """Every rule that says what machines do; a model may have none."""
    if at is None:
        return ()
    rules: list[MachineRule] = []
    for item in at.items(f"a list of rules, {_EXAMPLE}", MAX_RULES, empty=True):
        if not item.keys(MACHINE_KEYS, f"a rule for machines, {_EXAMPLE}"):
            continue
        rule = _read(item)
        where = item.get("id")
        if where is not None and rule.id in [one.id for one in rules]:
            where.problem(f"expected an id of its own, found {shown(rule.id)}, which another rule for machines has too")
        rules.append(rule)
    if sum(rule.sweep is not None for rule in rules) > MAX_SWEEPS:
        at.problem(f"expected at most {MAX_SWEEPS} rules with a sweep")
    return tuple(rules)


def _read(at: Cursor) -> MachineRule:
    ident, description = at.need("id", "a name of its own"), at.get("description")
    scanner, sweep = at.get("scanner"), at.get("sweep")
    if scanner is not None and sweep is not None:
        sweep.problem("expected either a scanner or a sweep; make two rules of it")
    return MachineRule(
        id=ident.name("an id") if ident is not None else "",
        on=_selector(at),
        scanner=scanner.text("the name of a property that holds the user agent", MAX_NAME) if scanner else None,
        sweep=_sweep(sweep) if sweep is not None else None,
        description=description.text("a description", MAX_TEXT) if description is not None else None,
    )


def _selector(at: Cursor) -> Selector:
    """`on` may be left out only beside a scanner: a user agent is one in any channel."""
    return read_selector(at.get("on") if at.has("scanner") else at.need("on", "a selector, such as {channel: email}"))


def _sweep(at: Cursor) -> Sweep:
    example = "a sweep, such as {mail: email_id, link: url, links: 3, seconds: 10}"
    if not at.keys(SWEEP_KEYS, example):
        return Sweep("", "", *LINKS)
    mail, link = (
        at.need("mail", "the property that names the mail"),
        at.need("link", "the property that names the link"),
    )
    links, seconds = at.need("links", "a number of links"), at.need("seconds", "a number of seconds")
    return Sweep(
        mail=mail.text("the name of a property", MAX_NAME) if mail is not None else "",
        link=link.text("the name of a property", MAX_NAME) if link is not None else "",
        links=links.integer("a number of links", *LINKS) if links is not None else LINKS[0],
        within=SECOND * (seconds.integer("a number of seconds", *SECONDS) if seconds is not None else SECONDS[0]),
    )

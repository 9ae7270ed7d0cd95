"""A connector's configuration: a YAML file, checked as a whole at start; every problem with file, line and field."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from stream_app.connectors import hubspot_settings, salesforce_settings, webhook_settings
from stream_app.connectors.entry import DeskSettings
from stream_app.connectors.fields import Names
from stream_app.connectors.filters import Filters, read_filters
from stream_app.connectors.pace import Rate
from stream_app.connectors.retry import Backoff, Retry
from stream_app.connectors.secrets import Vault
from stream_app.connectors.settings import Frame, Limits
from stream_app.engine.model.cursor import Cursor, sweep
from stream_app.engine.model.document import parse_document
from stream_app.engine.model.problems import ModelError, Problem, Problems
from stream_app.errors import KnownError
from stream_app.modelfiles import read_model, read_text

VendorSettings = (
    webhook_settings.WebhookSettings | hubspot_settings.HubSpotSettings | salesforce_settings.SalesforceSettings
)
Start = Literal["beginning", "now"]
AfterParked = Literal["go_on", "park"]

_VENDORS: Final[Mapping[str, Callable[[Cursor, Frame], VendorSettings]]] = {
    "webhook": webhook_settings.read,
    "hubspot": hubspot_settings.read,
    "salesforce": salesforce_settings.read,
}
_LIMITS: Final[Mapping[str, Limits]] = {
    "webhook": webhook_settings.LIMITS,
    "hubspot": hubspot_settings.LIMITS,
    "salesforce": salesforce_settings.LIMITS,
}
_KEYS: Final = ("connector", "model", "from", "send", "fields", "limits", "retry", "after_parked", *_VENDORS)


class InvalidConfig(KnownError):
    """A configuration that can't be used. `problems` holds all that is wrong; the message names the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{problems[0]}{more}")


@dataclass(frozen=True, slots=True)
class Config:
    """What `connect` needs to know. `pending` is how many changes may wait in memory, `timeout` a request's seconds."""

    connector: str
    start: Start
    filters: Filters
    after_parked: AfterParked
    pending: int
    timeout: float
    desk: DeskSettings
    vendor: VendorSettings

    @property
    def wants_email(self) -> bool:
        """Whether a lead's e-mail address is sent or names the vendor's record."""
        sources = {field.source for field in self.vendor.fields}
        return "email" in sources or getattr(self.vendor, "id_source", "") == "email"


def read_config(path: Path, environment: Mapping[str, str] | None = None, blind: bool = False) -> Config:
    """The configuration in a file. `blind` looks up no secrets. Raises `InvalidConfig`, or `KnownError` for no file."""
    environment = os.environ if environment is None else environment
    return parse_config(read_text(path), str(path), Vault(environment, path.parent, blind))


def parse_config(text: str, source: str, vault: Vault) -> Config:
    """The same, of a text; `source` names it in messages."""
    try:
        if not text.strip():
            raise ModelError([Problem(1, 1, "", "the file is empty; expected a connector's configuration", source)])
        root = parse_document(text, source)
        problems = Problems(source)
        at = Cursor(root, "", problems)
        for _ in sweep(root, "", problems):
            pass
        config = _read(at, vault)
        problems.raise_any()
        return config
    except ModelError as error:
        raise InvalidConfig(error.problems) from error


def _read(at: Cursor, vault: Vault) -> Config:
    at.keys(_KEYS, "a configuration: a mapping with the keys connector, fields, ...")
    named = at.need("connector", "webhook, hubspot or salesforce")
    connector = named.choice(tuple(_VENDORS), "a connector") if named is not None else "webhook"
    for other in _VENDORS:
        if other != connector and at.has(other):
            at.key_problem(other, f"this is a {connector}'s configuration")
    names = _names(at.get("model"))
    filters = read_filters(at.get("send"), names)
    section = at.need(connector, f"the settings of the {connector}")
    if section is None:
        at.problems.raise_any()
        raise AssertionError("a missing section is a problem")
    start, after = at.get("from"), at.get("after_parked")
    vendor = _VENDORS[connector](section, Frame(names, vault, at.get("fields")))
    limits = _limits(at.get("limits"), _LIMITS[connector])
    retry = _retry(at.get("retry"), limits.retry)
    desk = DeskSettings(limits.batch, limits.parallel, limits.rate, retry, drift=filters.drift or 0.0)
    starts: tuple[Start, ...] = ("beginning", "now")
    afters: tuple[AfterParked, ...] = ("go_on", "park")
    return Config(
        connector,
        start.choice(starts, "where a new connector starts") if start is not None else "beginning",
        filters,
        after.choice(afters, "what becomes of a lead's later changes") if after is not None else "go_on",
        limits.pending,
        limits.timeout,
        desk,
        vendor,
    )


def _names(at: Cursor | None) -> Names:
    if at is None:
        return Names()
    try:
        return Names.of(read_model(at.text("a model's name or file")))
    except KnownError as error:
        at.problem(str(error))
        return Names()


def _limits(at: Cursor | None, most: Limits) -> Limits:
    """The vendor's limits, or less: what is configured can't be above what the vendor documents."""
    if at is None or not at.keys(("batch", "parallel", "requests", "per", "pending", "timeout"), "a mapping"):
        return most
    batch, parallel, pending = at.get("batch"), at.get("parallel"), at.get("pending")
    requests, per, timeout = at.get("requests"), at.get("per"), at.get("timeout")
    seconds = per.number("seconds", 0.1, 86_400) if per is not None else most.rate.per
    count = requests.number("requests", 0.001, 1e6) if requests is not None else most.rate.requests
    documented = most.rate.requests / most.rate.per
    if requests is not None and most.fixed and seconds and count / seconds > documented:
        requests.problem(f"the vendor allows {most.rate.requests:g} requests in {most.rate.per:g} s")
    rate = Rate(count, seconds, min(count, most.rate.burst))
    return Limits(
        batch=batch.integer("items a request", 1, most.batch) if batch is not None else most.batch,
        parallel=parallel.integer("requests at a time", 1, 256) if parallel is not None else most.parallel,
        rate=rate,
        timeout=timeout.number("seconds", 0.1, 600) if timeout is not None else most.timeout,
        pending=pending.integer("changes", 1, 1_000_000) if pending is not None else most.pending,
        retry=most.retry,
        fixed=most.fixed,
    )


def _retry(at: Cursor | None, default: Retry) -> Retry:
    if at is None or not at.keys(("base", "longest", "give_up"), "a mapping with base, longest (seconds) and give_up"):
        return default
    plain = default if isinstance(default, Backoff) else Backoff()
    base, longest, give_up = at.get("base"), at.get("longest"), at.get("give_up")
    return Backoff(
        base.number("seconds", 0.01, 3600) if base is not None else plain.base,
        longest.number("seconds", 0.01, 86_400) if longest is not None else plain.longest,
        give_up.duration("a duration") / 1000 if give_up is not None else plain.give_up,
    )

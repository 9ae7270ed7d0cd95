"""What all of a worker's processors share: the compiled model and the names of topics."""

from dataclasses import dataclass, field, replace
from typing import Any

from stream_app.engine.model.types import Model, Score
from stream_app.engine.plan import Plan
from stream_app.ingest.condemned import Condemned
from stream_app.topics import Agent, Manifest
from stream_app.worker.outbox import Names, names_of
from stream_app.worker.sight import facts_read

OTHER = "other"
"""What counts call a channel that no event topic has: theirs are few, the producers' own may be any."""


@dataclass(frozen=True)
class Scoring:
    """A model, compiled, and where its results go. `channels` gives each event topic's default channel.

    `rollups` are the account's scores made of members' scores, with the position of the lead's score in its plan.
    `has_accounts`: accounts are scored. `has_members`: they must know their members, be it only to tell them facts.
    `secret` (at most 64 bytes) keys the digests that are left of erased leads; who changes it forgets them.
    `models` is the topic that says which version each lane has. `by_events`: time passes only with the events.
    `inputs` are each agent's event topics. Of a side generation (`generations`): `side` is its number, `condemned` the
    sources that count for nothing in it, `added` those of them that do in the live one, `beside` the changelog of the live generation's leads.
    """

    model: Model
    leads: Plan
    accounts: Plan
    names: Names
    channels: dict[str, str | None]
    partitions: int
    rollups: tuple[tuple[int, Score], ...]
    has_accounts: bool
    has_members: bool
    secret: bytes = b""
    models: str = ""
    by_events: bool = False
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    side: int = 0
    condemned: tuple[Condemned, ...] = ()
    added: frozenset[Condemned] = frozenset()
    beside: str = ""
    others: dict[str, "Scoring"] = field(default_factory=dict, repr=False, compare=False)
    """Other versions for the same system, compiled: its lanes share them."""

    def under(self, model: Model) -> "Scoring":
        """The same system under another version of its model."""
        found = self if model.version == self.model.version else self.others.get(model.version)
        if found is None:
            while len(self.others) >= _KEPT:
                del self.others[next(iter(self.others))]
            found = self.others[model.version] = replace(self, model=model, **_parts(model))
        return found

    def label(self, channel: str | None) -> str:
        """A channel as counts call it."""
        return channel if channel is not None and channel in self.channels.values() else OTHER


_AGENTS: tuple[Agent, ...] = ("lead", "account")
_KEPT = 16  # versions that are kept compiled


def compose(
    model: Model,
    manifest: Manifest,
    secret: bytes = b"",
    *,
    by_events: bool = False,
    condemned: tuple[Condemned, ...] = (),
    added: tuple[Condemned, ...] = (),
) -> Scoring:
    """Compile a model for a system of topics, a side generation's (`Manifest.beside`) too."""
    return Scoring(
        model=model,
        names=names_of(manifest),
        channels={topic.name: topic.channel for topic in manifest.events()},
        partitions=manifest.partitions("lead"),
        secret=secret,
        models=manifest["scoring-models"].name,
        by_events=by_events,
        inputs={agent: _events(manifest, agent) for agent in _AGENTS},
        side=manifest.side,
        condemned=condemned,
        added=frozenset(added),
        beside=manifest.live["lead-changelog"].name,
        **_parts(model),
    )


def _events(manifest: Manifest, agent: Agent) -> tuple[str, ...]:
    return tuple(topic.name for topic in manifest.inputs(agent) if topic.kind == "event")


def _parts(model: Model) -> dict[str, Any]:
    """What of a `Scoring` follows from the model."""
    leads, accounts = Plan(model, model.lead), Plan(model, model.account)
    rollups = tuple(
        (leads.position[score.rollup.score], score) for score in model.account.scores if score.rollup is not None
    )
    has_accounts = bool(model.account.scores or model.account.ladders)
    return {
        "leads": leads,
        "accounts": accounts,
        "rollups": rollups,
        "has_accounts": has_accounts,
        "has_members": has_accounts or bool(facts_read(model)),
    }

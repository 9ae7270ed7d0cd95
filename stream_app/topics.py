"""The topic manifest, `schemas/topics.yaml`, as frozen objects: the one place that names topics."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec
from ruamel.yaml import YAML

Kind = Literal["event", "inbox", "scores", "transitions", "dead-letters", "replays", "models", "changelog"]
Agent = Literal["lead", "account"]

SHARED: frozenset[str] = frozenset({"event", "models", "replays"})
"""The kinds of topics that all generations of a system share."""

_PREFIX = re.compile(r"[A-Za-z0-9._-]{0,100}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic.

    `base` is the manifest's name, `name` the one on the broker: prefix and base. `reader` is the agent whose input or
    changelog it is. `channel` is what an event here gets that names none; `config` are Kafka's topic settings.
    """

    base: str
    name: str
    kind: Kind
    key: str
    partitions: int
    schema: str | None = None
    reader: Agent | None = None
    channel: str | None = None
    channels: frozenset[str] = frozenset()
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """All topics of one system, in the manifest's order. Made by `load_manifest`.

    `side` is the number of a side generation, 0 for the live one; `shared` is then the live one's manifest.
    """

    topics: tuple[Topic, ...]
    prefix: str
    fallback: Topic
    side: int = 0
    shared: "Manifest | None" = field(default=None, repr=False)

    @property
    def live(self) -> "Manifest":
        """That of the live generation."""
        return self if self.shared is None else self.shared

    def beside(self, number: int) -> "Manifest":
        """The topics of a side generation: events and models are the live one's, all else is its own (`side-N.` in front)."""
        own = tuple(
            topic if topic.kind in SHARED else replace(topic, name=f"{self.prefix}side-{number}.{topic.base}")
            for topic in self.live.topics
        )
        return replace(self.live, topics=own, side=number, shared=self.live)

    def own(self) -> "tuple[Topic, ...]":
        """The topics that no other generation has."""
        return tuple(topic for topic in self.topics if not self.side or topic.kind not in SHARED)

    def __iter__(self) -> Iterator[Topic]:
        return iter(self.topics)

    def __getitem__(self, base: str) -> Topic:
        """The topic with this name in the manifest (no prefix); `KeyError` if there is none."""
        for topic in self.topics:
            if topic.base == base:
                return topic
        raise KeyError(base)

    def named(self, name: str) -> Topic | None:
        """The topic with this name on the broker, or None if it is not ours."""
        return next((topic for topic in self.topics if topic.name == name), None)

    def events(self) -> tuple[Topic, ...]:
        """The event topics, which producers write."""
        return tuple(topic for topic in self.topics if topic.kind == "event")

    def inputs(self, agent: Agent) -> tuple[Topic, ...]:
        """What an agent reads, in the order of a merge (the earlier wins a tie of timestamps), its inbox last."""
        return tuple(t for t in self.topics if t.reader == agent and t.kind in ("event", "inbox"))

    def changelog(self, agent: Agent) -> Topic:
        """The changelog of an agent's table."""
        return next(t for t in self.topics if t.reader == agent and t.kind == "changelog")

    def partitions(self, agent: Agent) -> int:
        """The partition count that all of an agent's inputs and its changelog share."""
        return self.changelog(agent).partitions

    def topic_of(self, *, channel: str | None, about_account: bool) -> Topic:
        """The topic to which an event belongs: the account's if no person is named, else by its channel."""
        if about_account:
            return next(t for t in self.topics if t.kind == "event" and t.reader == "account")
        for topic in self.topics:
            if topic.reader == "lead" and channel in topic.channels:
                return topic
        return self.fallback


class _TopicEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    kind: Kind
    key: str
    schema: str | None
    reader: Agent | None = None
    channel: str | None = None
    channels: frozenset[str] = frozenset()
    others: bool = False
    partitions: int | None = None
    config: dict[str, str | int] = {}


class _ManifestFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    partitions: int
    config: dict[Kind, dict[str, str | int]]
    topics: list[_TopicEntry]


def schemas_folder() -> Path:
    """Where the contracts lie: inside an installed package, or at the top of a working tree."""
    package = Path(__file__).resolve().parent
    installed = package / "schemas"
    return installed if installed.is_dir() else package.parent / "schemas"


def load_manifest(prefix: str = "", partitions: int | None = None) -> Manifest:
    """The manifest under a prefix, so that several systems can share a broker.

    `partitions` overrides the count of every topic that does not fix its own. Raises `ValueError` for a prefix that
    cannot be part of a topic's name, or a count below 1.
    """
    if _PREFIX.fullmatch(prefix) is None:
        raise ValueError("a topic prefix is at most 100 letters, digits, dots, dashes and underscores")
    if partitions is not None and not 1 <= partitions <= 10_000:
        raise ValueError("a partition count is between 1 and 10000")
    return _build(_read(schemas_folder() / "topics.yaml"), prefix, partitions)


@cache
def _read(path: Path) -> _ManifestFile:
    return msgspec.convert(YAML(typ="safe", pure=True).load(path), _ManifestFile)


def _build(file: _ManifestFile, prefix: str, partitions: int | None) -> Manifest:
    topics = tuple(_topic(entry, file, prefix, partitions or file.partitions) for entry in file.topics)
    fallback = [topic for topic, entry in zip(topics, file.topics, strict=True) if entry.others]
    if len(fallback) != 1:
        raise ValueError("exactly one topic of the manifest takes the other channels")
    for agent in ("lead", "account"):
        if len({topic.partitions for topic in topics if topic.reader == agent}) != 1:
            raise ValueError(f"all topics that the {agent} agent reads must have the same partition count")
    return Manifest(topics=topics, prefix=prefix, fallback=fallback[0])


def _topic(entry: _TopicEntry, file: _ManifestFile, prefix: str, partitions: int) -> Topic:
    config = {name: str(value) for name, value in {**file.config[entry.kind], **entry.config}.items()}
    return Topic(
        base=entry.name,
        name=prefix + entry.name,
        kind=entry.kind,
        key=entry.key,
        partitions=entry.partitions or partitions,
        schema=entry.schema,
        reader=entry.reader,
        channel=entry.channel,
        channels=entry.channels,
        config=MappingProxyType(config),
    )

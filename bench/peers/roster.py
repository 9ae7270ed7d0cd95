"""The contenders: how each is started, what it promises, and where its state can be read."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.peers.environments import Engine, half_life_jars, java, peers_python, python_path
from bench.peers.job import STATE, Task, as_argument

Kept = Callable[[bytes, bytes], tuple[str, float]]
"""Lead and score of a changelog's record."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One row. `changelogs` names the topics that hold its state after a run of the task; `kept` reads their records."""

    name: str
    title: str
    guarantee: str
    job: Literal["small", "model"] = "small"
    few: bool = False
    """Whether it is so slow that it gets a tenth of the events."""
    command: Callable[[Task], Sequence[str | Path]]
    env: Mapping[str, str] = field(default_factory=dict)
    changelogs: Callable[[Task], Sequence[str]] = lambda task: ()
    kept: Kept | None = None


EXACTLY, AT_LEAST = "exactly once", "at least once"


def _packed(key: bytes, value: bytes) -> tuple[str, float]:
    return key.decode(), STATE.unpack(value)[0]


def _faust(key: bytes, value: bytes) -> tuple[str, float]:
    return json.loads(key), json.loads(value)[0]


def _quix(key: bytes, value: bytes) -> tuple[str, float]:
    return key.partition(b"|")[0].decode(), json.loads(value)[0]


def _module(python: str | Path, name: str, *words: str) -> Callable[[Task], Sequence[str | Path]]:
    # -P: the folder that it is started in stays off the path, so that PYTHONPATH alone decides.
    return lambda task: [python, "-P", "-m", f"bench.peers.contenders.{name}", as_argument(task), *words]


def _streams(guarantee: str) -> Callable[[Task], Sequence[str | Path]]:
    def command(task: Task) -> Sequence[str | Path]:
        words = [task.broker, task.group, ",".join(task.inputs), task.output, guarantee, task.folder]
        log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return [java(), "-cp", f"{half_life_jars()}/*", "-Xmx1g", "-XX:-UsePerfData", log, "bench.HalfLife", *words]

    return command


def _own_changelog(task: Task) -> Sequence[str]:
    return [task.changelog]


def _group_changelog(task: Task) -> Sequence[str]:
    return [f"{task.group}-leads-changelog"]


def _quix_changelogs(task: Task) -> Sequence[str]:
    return [f"changelog__{task.group}--{name}--default" for name in task.inputs]


NAMES = (
    "model",
    "small",
    "faust",
    "quix",
    "bytewax",
    "aiokafka",
    "confluent",
    "confluent-poll",
    "streams-eos",
    "streams-alo",
)
"""For `--only`, in the order of the table."""

PAIRS = ("model-pair", "small-pair")
"""For `--only` too: two workers in a group, to see what each event costs then."""


def contenders(names: Sequence[str], python: str, engine: Engine) -> list[Contender]:
    """Those that are named; makes the environments that they need, and no others."""
    return [_make(name, python, engine) for name in NAMES + PAIRS if name in names]


def _make(name: str, python: str, engine: Engine) -> Contender:
    ours, here = python_path(engine.path), python_path(Path(__file__).resolve().parents[2])
    match name:
        case "model":
            title = f"stream-app, the default model ({engine.words})"
            command = _module(python, "ours_model")
            return Contender(name=name, title=title, guarantee=EXACTLY, job="model", command=command, env=ours)
        case "model-pair":
            title, command = f"the default model, two workers ({engine.words})", _module(python, "pair", "ours_model")
            return Contender(name=name, title=title, guarantee=EXACTLY, job="model", command=command, env=ours)
        case "small-pair":
            title, command = "the small job, two workers", _module(python, "pair", "ours_small")
            guarantee, env, changelogs, kept = EXACTLY, ours, _own_changelog, _packed
        case "small":
            title, command = "stream-app's lane, the small job", _module(python, "ours_small")
            guarantee, env, changelogs, kept = EXACTLY, ours, _own_changelog, _packed
        case "faust":
            title, command = "Faust, the tutorial's way (a tenth of the events)", _module(python, "faust_table")
            guarantee, env, changelogs, kept = AT_LEAST, here, _group_changelog, _faust
        case "quix":
            title, command = "Quix Streams (RocksDB)", _module(peers_python(), "quix")
            guarantee, env, changelogs, kept = AT_LEAST, here, _quix_changelogs, _quix
        case "bytewax":
            title, command = "Bytewax, no changelog", _module(peers_python(), "bytewax_flow")
            return Contender(name=name, title=title, guarantee="none", command=command, env=here)
        case "aiokafka":
            title, command = "aiokafka loop, a send per message", _module(python, "aiokafka_loop")
            guarantee, env, changelogs, kept = AT_LEAST, here, _own_changelog, _packed
        case "confluent":
            title, command = "confluent-kafka loop, consume(500)", _module(peers_python(), "confluent_loop")
            guarantee, env, changelogs, kept = AT_LEAST, here, _own_changelog, _packed
        case "confluent-poll":
            title, command = "confluent-kafka loop, poll()", _module(peers_python(), "confluent_loop", "poll")
            guarantee, env, changelogs, kept = AT_LEAST, here, _own_changelog, _packed
        case "streams-eos":
            title, command = "Kafka Streams, EOS v2", _streams("exactly_once_v2")
            guarantee, env, changelogs, kept = EXACTLY, {}, _group_changelog, _packed
        case _:
            title, command = "Kafka Streams, at least once", _streams("at_least_once")
            guarantee, env, changelogs, kept = AT_LEAST, {}, _group_changelog, _packed
    return Contender(
        name=name,
        title=title,
        guarantee=guarantee,
        few=name == "faust",
        command=command,
        env=env,
        changelogs=changelogs,
        kept=kept,
    )

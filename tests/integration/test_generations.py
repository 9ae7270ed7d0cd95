"""Generations of tables begun, approved and given up on a real broker, without a worker (docs/decisions/0040)."""

from pathlib import Path

import pytest

from stream_app.errors import KnownError
from stream_app.ingest.condemned import Condemned
from stream_app.modelfiles import read_model
from stream_app.ops.topics_admin import partition_counts
from stream_app.publishing.generation import Generation
from stream_app.publishing.generations import Generations
from stream_app.publishing.publisher import Publisher, Terms, open_publisher
from stream_app.publishing.registry import Registry
from stream_app.publishing.succeeding import Place, abandoned, take_over
from tests.integration.test_publish import command
from tests.pipeline.system import System
from tests.pipeline.versions import edited, edited_text

PARTITIONS = 2
TERMS = Terms(by="ann")


async def system_of(broker: str, folder: Path) -> System:
    """A system with a published version."""
    (folder / "first.yaml").write_text(edited_text())
    return await System(broker, folder, folder / "first.yaml", partitions=PARTITIONS).create()


async def registry_of(system: System) -> Registry:
    """The registry. Opening a publisher waits for what the one before has committed: a reader alone might just not see it."""
    async with open_publisher(system.broker, system.manifest) as publisher:
        return publisher.registry


def generations(system: System, publisher: Publisher) -> Generations:
    """What begins and ends them."""
    return Generations(system.broker, publisher)


async def test_a_generation_begins_and_is_given_up(broker: str, tmp_path: Path) -> None:
    """It has topics of its own until then, with the live ones' partitions; its version is known and not live."""
    system = await system_of(broker, tmp_path)
    async with open_publisher(broker, system.manifest) as publisher:
        began = await generations(system, publisher).begin(edited(0), "shadow", TERMS)
    beside = system.manifest.beside(began.number)
    own = {topic.name for topic in beside.own()}
    counts = await partition_counts(broker, beside)
    assert {name for name in own if name.startswith(f"{system.manifest.prefix}side-1.")} == own
    assert own <= counts.keys() and counts[beside["lead-inbox"].name] == PARTITIONS
    registry = await registry_of(system)
    assert registry.live is None and registry.versions[began.version].number == 0
    place = Place(broker, system.manifest, system.group, 5.0)
    assert (await abandoned(place, began)).status == "abandoned"
    assert not own & (await partition_counts(broker, beside)).keys()
    assert (await abandoned(place, began)).status == "abandoned"  # once more: nothing is left, and that is well


async def test_nothing_takes_over_that_must_not(broker: str, tmp_path: Path) -> None:
    """S421: approvals; a quarantine over another version; a shadow that counts what was condemned since."""
    system = await system_of(broker, tmp_path)
    bot = Condemned("ip", "203.0.113.7")
    async with open_publisher(broker, system.manifest) as publisher:
        made = generations(system, publisher)
        terms = Terms(by="ann", needs=("marketing", "sales"), approvals=("marketing",))
        shadow = await made.begin(edited(0), "shadow", terms)
        assert shadow.missing == ["sales"]
        with pytest.raises(KnownError, match="needs no approval of 'legal'"):
            await made.approve(shadow, "legal", "jo")
        assert (await made.approve(shadow, "sales", "jo")).approvals == {"marketing": "ann", "sales": "jo"}
    with pytest.raises(KnownError, match="needs the approval of sales: 'stream-app model approve"):
        await take_over(Place(broker, system.manifest, system.group, 5.0), shadow, lambda: None)
    async with open_publisher(broker, system.manifest) as publisher:
        made = generations(system, publisher)
        quarantine = await made.begin(edited(1), "quarantine", TERMS, [bot])
        assert (quarantine.condemned, quarantine.reason) == ([bot], "quarantine: ip 203.0.113.7")
        with pytest.raises(KnownError, match="another version has gone live"):
            await made.take_over(quarantine, edited(1))
    registry = await registry_of(system)
    assert [one.status for one in registry.generations] == ["running", "running"]


async def test_lanes_that_do_not_stand_still(broker: str, tmp_path: Path) -> None:
    """Without its workers nothing is switched, and it is said whom to start."""
    system = await system_of(broker, tmp_path)
    began: Generation
    async with open_publisher(broker, system.manifest) as publisher:
        began = await generations(system, publisher).begin(edited(0), "rebuild", TERMS)
    with pytest.raises(KnownError, match="do not stand still after 1 s: are its workers running?"):
        await take_over(Place(broker, system.manifest, system.group, 1.0), began, lambda: None)


WRONG: list[tuple[list[str], int, str]] = [
    (["model", "promote"], 2, "there is no shadow, rebuild or quarantine at work"),
    (["model", "abandon", "--generation", "7"], 2, "no shadow, rebuild or quarantine at work with the number 7"),
    (["model", "compare"], 2, "there is no shadow, rebuild or quarantine at work"),
    (["quarantine"], 2, "what is to be condemned?"),
    (["quarantine", "--ip", "203.0.113"], 2, "such as 203.0.113.7 or 203.0.113.0/24"),
    (["quarantine", "--ip", "203.0.113.7"], 2, "no version is published yet"),
    (["quarantine", "--release", "3"], 2, "no version is published yet"),
    (["quarantine", "--list"], 0, "condemned now: nothing"),
    (["model", "rebuild", "nowhere.yaml"], 2, "nowhere.yaml"),
    (["model", "publish", "minimal", "--shadow", "--wait", "9"], 2, "--at and --wait are for a version that goes live"),
]


async def test_wrong_usage_is_told(broker: str, tmp_path: Path) -> None:
    """One line that says what to do, and nothing is begun."""
    system = await system_of(broker, tmp_path)
    for words, code, said in WRONG:
        ended = await command(system, *words)
        assert (ended.code, said in ended.err, "Traceback" in ended.err) == (code, True, False), ended.err
    assert (await registry_of(system)).generations == ()


async def test_the_version_of_a_shadow_is_listed(broker: str, tmp_path: Path) -> None:
    """With what it is for; as JSON, too."""
    system = await system_of(broker, tmp_path)
    file = tmp_path / "next.yaml"
    file.write_text(edited_text(0))
    published = await command(
        system, "model", "publish", str(file), "--shadow", "--by", "ann", "--note", "try", "--group", "scorers"
    )
    assert (published.code, published.out.strip()) == (0, read_model(str(file)).version), published.err
    listed = await command(system, "model", "list")
    assert "shadow\trunning" in listed.out and "no version was published" in listed.err
    assert '"purpose": "shadow"' in (await command(system, "model", "list", "--json")).out
    assert [one.group for one in (await registry_of(system)).generations] == ["scorers"]

"""The registry of versions, as the topic's records make it."""

from dataclasses import replace

import msgspec
import pytest

from stream_app.errors import KnownError
from stream_app.modelfiles import read_model
from stream_app.publishing.documents import registry_json
from stream_app.publishing.reading import model_of
from stream_app.publishing.registry import (
    Lane,
    Proposal,
    Publication,
    Version,
    names_version,
    read_registry,
    version_bytes,
)
from stream_app.worker.publications import MAX_DOCUMENT, TooLarge, publication

MODEL = read_model("minimal")


def version(digits: str, *numbers: int, proposal: Proposal | None = None) -> Version:
    """A version that was published so many times."""
    made = [Publication(number, 1_000 + number, 1_000, "ann", f"note {number}", "emit") for number in numbers]
    return Version("m", digits.ljust(64, "0"), MODEL.document, made, proposal)


def records(*versions: Version, lanes: tuple[Lane, ...] = ()) -> list[tuple[bytes, bytes | None]]:
    """Their records."""
    rows: list[tuple[bytes, bytes | None]] = [(one.key, version_bytes(one)) for one in versions]
    return rows + [(f"lane:{one.agent}-{one.partition}".encode(), msgspec.json.encode(one)) for one in lanes]


def test_the_version_published_last_is_live() -> None:
    """A rollback makes an old version's number the greatest; the latest record of a version counts."""
    registry = read_registry(records(version("aaaa", 1), version("bbbb", 2), version("aaaa", 1, 3)))
    assert registry.live is not None
    assert (registry.live.version[:4], registry.live.number) == ("aaaa", 3)
    assert [one.version[:4] for one in registry.newest_first] == ["aaaa", "bbbb"]


def test_a_proposal_is_not_live() -> None:
    """Until the last approval it is what waits; so it stands first in the list."""
    waiting = Proposal(5, "ann", "", "hold", "", ["marketing", "sales"], {"marketing": "ann"})
    registry = read_registry(records(version("aaaa", 1), version("cccc", proposal=waiting)))
    assert registry.live is not None and registry.live.version[:4] == "aaaa"
    assert (registry.newest_first[0].version[:4], waiting.missing) == ("cccc", ["sales"])


def test_nothing_was_published() -> None:
    """No version, no live one, nothing settled."""
    assert read_registry([]).live is None
    assert registry_json(read_registry([]), 4)["settled"] is False


@pytest.mark.parametrize(
    ("text", "message"),
    [("abc", "no such version"), ("abcd", "several versions start so"), ("ffff", "no such version")],
)
def test_versions_are_named_by_their_first_digits(text: str, message: str) -> None:
    """At least four, and enough to tell them apart; the error names those there are."""
    registry = read_registry(records(version("abcd1", 1), version("abcd2", 2)))
    assert registry.find("abcd2").number == 2
    assert registry.find("live").number == 2
    with pytest.raises(KnownError, match=message):
        registry.find(text)


def test_words_that_name_versions() -> None:
    """Hexadecimal digits, or `live`."""
    assert [names_version(text) for text in ("live", "3f2a", "3f2", "b2b-saas", "f" * 65)] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_all_is_settled_when_every_lane_has_restated_all() -> None:
    """One that is missing, behind, or has leads left is not."""
    done = Lane("lead", 0, 2, "m", "b" * 64, 0, 9)
    other = Lane("account", 0, 2, "m", "b" * 64, 0, 0)

    def settled(*lanes: Lane) -> object:
        return registry_json(read_registry(records(version("b" * 64, 2), lanes=lanes)), 2)["settled"]

    assert settled(done, other) is True
    assert settled(done) is False
    assert settled(done, msgspec.structs.replace(other, number=1)) is False
    assert settled(msgspec.structs.replace(done, left=1), other) is False


def test_a_record_of_somebody_else_is_named() -> None:
    """Not passed over: the registry would be another."""
    with pytest.raises(KnownError, match="the record of 'x'"):
        read_registry([(b"x", b"{}")])


def test_a_version_is_the_model_that_was_published() -> None:
    """The document comes back with the same version, in the file's order."""
    known = read_registry(records(Version(MODEL.name, MODEL.version, MODEL.document))).find(MODEL.version)
    assert model_of(known) == MODEL


def test_a_model_that_fits_no_message() -> None:
    """It is refused before anything is written."""
    document = {**MODEL.document, "description": "x" * (MAX_DOCUMENT + 1)}
    with pytest.raises(TooLarge, match="at most"):
        publication(replace(MODEL, document=document), 1, "emit", 5)

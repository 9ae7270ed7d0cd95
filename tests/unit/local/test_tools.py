"""What is said where Java or Maven is missing."""

from pathlib import Path

import pytest

from stream_app.local.errors import ToolMissingError
from stream_app.local.tools import find_java, find_maven


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.delenv("MAVEN_HOME", raising=False)
    return tmp_path


def program(path: Path, prints: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{prints}' >&2\n")
    path.chmod(0o755)
    return path


def test_missing_java_comes_with_a_remedy(path: Path) -> None:
    """The message says what is needed and how to get it."""
    with pytest.raises(ToolMissingError, match=r"Java 17 or newer.*apt-get install openjdk-17-jre-headless.*JAVA_HOME"):
        find_java()


@pytest.mark.parametrize("version", ['openjdk version "11.0.20"', 'java version "1.8.0_292"', "no version at all"])
def test_old_java_is_refused(path: Path, version: str) -> None:
    """Java 8 names itself 1.8; what names nothing is refused too."""
    program(path / "java", version)
    with pytest.raises(ToolMissingError, match="is Java"):
        find_java()


@pytest.mark.parametrize("version", ['openjdk version "17.0.15" 2025-04-15', 'openjdk version "25" 2025-09-16'])
def test_java_of_path_is_found(path: Path, version: str) -> None:
    """17 and later will do."""
    java = program(path / "java", version)
    assert find_java() == java


def test_java_home_comes_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every Java tool does it."""
    program(path / "java", 'openjdk version "17"')
    java = program(path / "home" / "bin" / "java", 'openjdk version "21"')
    monkeypatch.setenv("JAVA_HOME", str(path / "home"))
    assert find_java() == java


def test_missing_maven_comes_with_a_remedy(path: Path) -> None:
    """Maven is needed once, and not at all with a broker of one's own."""
    with pytest.raises(ToolMissingError, match=r"apt-get install maven.*KAFKA_BROKER"):
        find_maven()

"""Kafka's own `kafka-consumer-groups`, to compare with: its jar is fetched once through Maven, the rest is the broker's."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from stream_app.local.errors import ToolMissingError
from stream_app.local.jars import ensure_jars, kafka_version
from stream_app.local.paths import cache_root
from stream_app.local.tools import find_java, find_maven

_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_MAIN = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"

Row = tuple[int | None, int, int | None]
"""Committed offset, end, lag: None where the tool prints a dash."""


def described(broker: str, group: str) -> dict[tuple[str, int], Row]:
    """What `kafka-consumer-groups --describe` says of a group, by topic and partition."""
    classpath = f"{_tools()}{os.pathsep}{ensure_jars(print)}/*"
    command = [str(find_java()), "-Xmx64m", "-XX:TieredStopAtLevel=1", "-cp", classpath, _MAIN]
    done = subprocess.run(
        [*command, "--bootstrap-server", broker, "--describe", "--group", group],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    head = next(line for line in lines if line[0] == "GROUP")
    column = {name: head.index(name) for name in ("TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG")}
    found = {}
    for line in lines:
        if line[0] == group and len(line) > column["LAG"]:
            committed, end, lag = (line[column[name]] for name in ("CURRENT-OFFSET", "LOG-END-OFFSET", "LAG"))
            place = line[column["TOPIC"]], int(line[column["PARTITION"]])
            found[place] = (_number(committed), int(end), _number(lag))
    return found


def _number(text: str) -> int | None:
    return None if text == "-" else int(text)


def _tools() -> Path:
    """The jar of Kafka's tools; skips the test where there is no Maven to fetch it with, except in CI."""
    jar = cache_root() / f"kafka-tools-{kafka_version()}.jar"
    if jar.is_file():
        return jar
    try:
        maven = find_maven()
    except ToolMissingError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    jar.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jar.parent, prefix="fetch-tools-") as work:
        artifact = f"-Dartifact=org.apache.kafka:kafka-tools:{kafka_version()}"
        subprocess.run(
            [maven, "-q", "-B", _COPY, artifact, f"-DoutputDirectory={work}"], cwd=work, check=True, timeout=90
        )
        shutil.move(next(Path(work).glob("kafka-tools-*.jar")), jar)
    return jar

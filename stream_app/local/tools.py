"""Finding the programs that the embedded Kafka needs, with a remedy where one is missing."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from stream_app.local.errors import ToolMissingError

MIN_JAVA = 17
_JAVA_REMEDY = "install a JRE (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME"
_MAVEN_REMEDY = (
    "install it once to fetch Kafka (Debian: apt-get install maven), or set KAFKA_BROKER to a running broker"
)


def find_java() -> Path:
    """The `java` of `JAVA_HOME`, else of `PATH`. Raises ToolMissingError where there is none or it is too old."""
    java = _find("java", "JAVA_HOME")
    if java is None:
        raise ToolMissingError(f"Kafka needs Java {MIN_JAVA} or newer, and no java was found: {_JAVA_REMEDY}")
    version = _java_version(java)
    if version < MIN_JAVA:
        raise ToolMissingError(f"Kafka needs Java {MIN_JAVA} or newer, and {java} is Java {version}: {_JAVA_REMEDY}")
    return java


def find_maven() -> Path:
    """The `mvn` of `MAVEN_HOME`, else of `PATH`. Raises ToolMissingError where there is none."""
    maven = _find("mvn", "MAVEN_HOME")
    if maven is None:
        raise ToolMissingError(f"Maven (mvn) was not found: {_MAVEN_REMEDY}")
    return maven


def _find(name: str, home_variable: str) -> Path | None:
    home = os.environ.get(home_variable)
    if home and (Path(home) / "bin" / name).is_file():
        return Path(home) / "bin" / name
    found = shutil.which(name)
    return Path(found) if found else None


def _java_version(java: Path) -> int:
    """The feature release that `java -version` names; 0 where it can't be run or read."""
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(?:1\.)?(\d+)', done.stderr + done.stdout)
    return int(match.group(1)) if match else 0

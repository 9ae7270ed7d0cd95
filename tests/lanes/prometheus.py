"""A real Prometheus (Debian's package) that scrapes the system under test, and promtool."""

import json
import os
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from ruamel.yaml import YAML

from stream_app.local.process import KeptProcess, free_port
from tests.lanes.process import ROOT

OPS = ROOT / "ops" / "prometheus"


def program(name: str) -> str:
    """Where it is. Skips the test where it is not installed, except in CI, where that is a failure."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI"):
            raise FileNotFoundError(f"{name}: install Debian's package prometheus")
        pytest.skip(f"{name} is not installed (Debian: apt-get install prometheus)")
    return found


def promtool(*words: str) -> None:
    """A command of promtool that must succeed."""
    done = subprocess.run(
        [program("promtool"), *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


class Prometheus:
    """The project's configuration and rules, with targets of this test, looked at every second and without waits.

    `jobs` gives each job's targets (`host:port`). A context manager.
    """

    def __init__(self, directory: Path, jobs: dict[str, list[str]]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        yaml = YAML(typ="safe")
        config = yaml.load(OPS / "prometheus.yml")
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["scrape_configs"] = [
            {"job_name": job["job_name"], "static_configs": [{"targets": jobs[job["job_name"]]}]}
            for job in config["scrape_configs"]
        ]
        rules = yaml.load(OPS / "rules.yml")
        for rule in rules["groups"][0]["rules"]:
            rule["for"] = "0s"  # how long each waits is for rules.test.yml
        for name, content in (("prometheus.yml", config), ("rules.yml", rules)):
            (directory / name).write_text(json.dumps(content))
        self._port = free_port()

    def __enter__(self) -> Self:
        command = [program("prometheus"), f"--config.file={self._directory / 'prometheus.yml'}"]
        command += [f"--storage.tsdb.path={self._directory / 'data'}", f"--web.listen-address=127.0.0.1:{self._port}"]
        self._process = KeptProcess(command, self._directory / "log", self._directory)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()

    def _get(self, path: str, **arguments: str) -> Any:
        query = urllib.parse.urlencode(arguments)
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api/v1/{path}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[Any]:
        """What a query returns now."""
        found: list[Any] = self._get("query", query=expression)["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """The alerts with their health and state; none until the first round."""
        found: list[dict[str, Any]] = self._get("rules")["groups"][0]["rules"]
        return found

    def firing(self) -> set[str]:
        """The alerts that fire."""
        return {rule["name"] for rule in self.rules() if rule["state"] == "firing"}

    def up(self) -> bool:
        """Whether it answers and every target does."""
        try:
            targets = self._get("targets")["activeTargets"]
        except OSError:
            return False
        return bool(targets) and all(target["health"] == "up" for target in targets)

    def said(self) -> str:
        """The end of its log."""
        return (self._directory / "log").read_text(errors="replace")[-2000:]

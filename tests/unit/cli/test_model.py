"""`stream-app model ...`: exit codes, one clear line a problem, JSON."""

import json
from pathlib import Path

import pytest

from stream_app.cli import main

GOOD = """\
model: good
scores: {s: {clamp: [0, 100]}}
rules:
  - {id: a, kind: activity, score: s, stage: awareness, evidence: data, on: {type: view}, points: 1}
  - {id: b, kind: activity, score: s, stage: engagement, evidence: sales, on: {type: click}, points: 10}
  - {id: c, kind: activity, score: s, stage: exploration, evidence: data, on: {type: demo}, points: 40}
"""
BAD = "model: bad\nscores: {s: {clamp: 5}}\nrules:\n  - {id: a, kind: fact, score: t, when: {}, points: 1}\n"


class Result:
    """What a run of the command line printed and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


class Cli:
    """Runs the command line in this process, in a directory of its own."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory, self._monkeypatch, self._capsys = directory, monkeypatch, capsys

    def file(self, name: str, text: str) -> str:
        """A file with that text; returns its path."""
        (self.directory / name).write_text(text, encoding="utf-8")
        return str(self.directory / name)

    def run(self, *arguments: str) -> Result:
        """`stream-app ARGUMENTS`."""
        self._monkeypatch.setattr("sys.argv", ["stream-app", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = self._capsys.readouterr()
        return Result(caught.value.code if isinstance(caught.value.code, int) else 0, printed.out, printed.err)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command line."""
    return Cli(tmp_path, monkeypatch, capsys)


def test_validate_prints_name_and_version(cli: Cli) -> None:
    """A good model: its name and the hash of its canonical form."""
    result = cli.run("model", "validate", cli.file("good.yaml", GOOD))
    assert (result.code, result.out.split()[0], len(result.out.split()[1])) == (0, "good", 64)


def test_validate_prints_every_problem(cli: Cli) -> None:
    """One line a problem, with file, line, column and path; exit code 1."""
    path = cli.file("bad.yaml", BAD)
    result = cli.run("model", "validate", path)
    assert (result.code, result.out) == (1, "")
    assert [line.split(": ")[:2] for line in result.err.splitlines()] == [
        [f"{path}:2:21", "scores.s.clamp"],
        [f"{path}:4:32", "rules[0].score"],
    ]
    told = json.loads(cli.run("model", "validate", path, "--json").out)
    assert [one["line"] for one in told["problems"]] == [2, 4]


@pytest.mark.parametrize("command", ["lint", "show", "test"])
def test_other_commands_refuse_a_bad_model(cli: Cli, command: str) -> None:
    """Bad input is exit code 2 and one clear line that names file, line and field; no traceback."""
    result = cli.run("model", command, cli.file("bad.yaml", BAD))
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert "bad.yaml:2:21: scores.s.clamp: expected" in result.err
    assert "1 more" in result.err


@pytest.mark.parametrize("command", ["validate", "lint", "show", "test"])
def test_a_file_that_is_not_there(cli: Cli, command: str) -> None:
    """Says which names there are."""
    result = cli.run("model", command, "nowhere.yaml")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert "minimal" in result.err


def test_a_file_that_is_not_text(cli: Cli, tmp_path: Path) -> None:
    """Bytes that are no UTF-8, and a file of two megabytes."""
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in cli.run("model", "validate", str(tmp_path / "x.yaml")).err
    assert "larger than" in cli.run("model", "validate", cli.file("y.yaml", "#" * 2_000_000)).err


def test_lint_exit_codes(cli: Cli) -> None:
    """Errors end with 1; warnings do so with --strict; notes never."""
    assert cli.run("model", "lint", cli.file("good.yaml", GOOD)).code == 0
    warned = cli.file("warned.yaml", GOOD.replace(", evidence: sales", ""))
    assert cli.run("model", "lint", warned).code == 0
    assert cli.run("model", "lint", warned, "--strict").code == 1
    result = cli.run("model", "lint", cli.file("wrong.yaml", GOOD.replace("stage: engagement, ", "")), "--json")
    assert result.code == 1
    assert {(one["code"], one["line"]) for one in json.loads(result.out)} >= {("untagged", 5)}


def test_show_draws_the_model(cli: Cli) -> None:
    """Every rule, in words, and the stages of the ladders."""
    out = cli.run("model", "show", "b2b-saas").out
    for words in ("pricing_page", "/pricing*", "halves every 14d", "Ladder lifecycle", "sql", "only the CRM"):
        assert words in out
    assert json.loads(cli.run("model", "show", "minimal", "--json").out)["document"]["model"] == "minimal"


def test_test_runs_scenarios(cli: Cli) -> None:
    """Each scenario by name; a failure with what was expected and found, and exit code 1."""
    path = cli.file("good.yaml", GOOD)
    assert cli.run("model", "test", path).code == 2
    cli.file(
        "good.scenarios.yaml", "scenarios: [{scenario: a view, events: [{type: view}], expect: [{scores: {s: 2}}]}]"
    )
    result = cli.run("model", "test", path)
    assert result.code == 1
    assert result.out.startswith("FAIL a view\n")
    assert "scores.s: expected is 2, found 1" in result.out
    assert cli.run("model", "test", "minimal").code == 0


def test_ready_models_are_listed(cli: Cli) -> None:
    """The default first."""
    assert [one["model"] for one in json.loads(cli.run("model", "ready", "--json").out)][:2] == ["b2b-saas", "agency"]


def test_diff_exits_with_1_where_models_differ(cli: Cli) -> None:
    """As `diff` does; each edit with what it does to leads already scored."""
    good, other = cli.file("good.yaml", GOOD), cli.file("other.yaml", GOOD.replace("points: 10}", "points: 15}"))
    assert cli.run("model", "diff", good, good).code == 0
    result = cli.run("model", "diff", good, other, "--json")
    (edit,) = json.loads(result.out)["edits"]
    assert (result.code, edit["name"], edit["field"], edit["effect"]) == (1, "b", "points", "restates")
    assert "rule b\tpoints\t+10\t+15\trestates every lead" in cli.run("model", "diff", good, other).out
    assert cli.run("model", "diff", good, "nowhere.yaml").code == 2

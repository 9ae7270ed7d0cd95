"""The conformance cases of the specification through the real command line: `stream-app replay`.

Where `../shared` is not beside this repository they are skipped, with a word; where it is, they must be there.
"""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from stream_app.cli import make_app
from tests.reference import Result, compare
from tests.reference.cases import load_case, load_lines

SHARED = Path(__file__).parents[4] / "shared"
CASES = SHARED / "spec" / "cases"
FOLDERS = sorted(CASES.glob("[0-9][0-9]"))
beside = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the conformance cases (../shared) are not beside this repository"
)


@beside
def test_the_cases_are_there() -> None:
    """Forty of them, each complete."""
    assert len(FOLDERS) == 40
    parts = {"model.yaml", "events.ndjson", "until", "transitions.ndjson", "scores.ndjson"}
    assert [folder.name for folder in FOLDERS if not parts <= {file.name for file in folder.iterdir()}] == []


@beside
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_replay_yields_what_the_case_expects(folder: Path, tmp_path: Path) -> None:
    """Transitions per lead or account and ladder, scores per lead or account, numbers to 1e-9; exit code 0."""
    transitions, scores = tmp_path / "transitions.ndjson", tmp_path / "scores.ndjson"
    until = (folder / "until").read_text("utf-8").strip()
    files = ["--model", str(folder / "model.yaml"), "--events", str(folder / "events.ndjson")]
    outputs = ["--transitions", str(transitions), "--scores", str(scores), "--dead-letters", str(tmp_path / "dead")]
    ran = CliRunner().invoke(make_app(), ["replay", *files, *outputs, "--until", until])
    assert (ran.exit_code, ran.exception) == (0, None)
    expected = load_case(folder)[3]
    assert compare(expected, Result(load_lines(transitions), load_lines(scores))) == []

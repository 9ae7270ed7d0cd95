"""The reference against the forty conformance cases, whose results another reading of the specification computed."""

from pathlib import Path

import pytest

from tests.reference import compare, replay
from tests.reference.cases import load_case

CASES = Path(__file__).parents[4] / "shared" / "spec" / "cases"
FOLDERS = sorted(folder for folder in CASES.glob("[0-9][0-9]")) if CASES.is_dir() else []


@pytest.mark.skipif(not FOLDERS, reason="the conformance cases are not beside this repository")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_reference_yields_what_the_case_expects(folder: Path) -> None:
    """Transitions per lead or account and ladder, scores per lead or account, numbers to 1e-9."""
    model, events, until, expected = load_case(folder)
    assert compare(expected, replay(model, events, until=until)) == []

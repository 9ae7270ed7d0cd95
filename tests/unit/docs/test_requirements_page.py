"""docs/requirements.md: what it says meets a requirement exists, by file and by name."""

import re
from pathlib import Path

_PLACE = re.compile(r"`([\w./-]+\.(?:py|yaml|md))(?:::(\w+))?`(?:: ([^;|]+))?")


def _rows(repository: Path) -> list[str]:
    text = (repository / "docs" / "requirements.md").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if re.match(r"\| S\d{3}: ", line)]


def test_every_row_says_by_what_or_why_not(repository: Path) -> None:
    """S001-S164 and S219-S309 are all there; none is empty."""
    rows = _rows(repository)
    listed = {row[2:6] for row in rows}
    wanted = {f"S{number:03d}" for number in (*range(1, 165), *range(219, 310))}
    assert set() == wanted - listed
    assert [row for row in rows if not row.rsplit("|", 2)[1].strip()] == []


def test_what_meets_them_exists(repository: Path) -> None:
    """Files exist; tests and scenarios have the names that are given."""
    missing = []
    for row in _rows(repository):
        for file, test, said in _PLACE.findall(row.rsplit("|", 2)[1]):
            path = repository / file
            if not path.is_file():
                missing.append(f"{row[2:6]}: {file}")
                continue
            text = path.read_text(encoding="utf-8")
            if test and f"def {test}(" not in text:
                missing.append(f"{row[2:6]}: {file}::{test}")
            if file.endswith(".scenarios.yaml") and said.strip() not in text:
                missing.append(f"{row[2:6]}: {file}: {said}")
    assert missing == []

"""The access lists that docs/operations.md tells operators to make, read from its table."""

import re
from pathlib import Path

from stream_app.topics import Manifest
from tests.secured.server import Grant

_QUOTED = re.compile(r"`([^`]+)`")


def documented(page: Path, process: str, manifest: Manifest, group: str, connector: str) -> list[Grant]:
    """What the row of a process grants, in a system."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in page.read_text().splitlines()]
    [row] = [row for row in rows if len(row) == 5 and f"`{process}`" in row[0]]
    _, read, write, groups, transactional = row

    def topics(cell: str) -> list[str]:
        events = [topic.name for topic in manifest.events()] if "events" in cell.split(", ") else []
        every = [topic.name for topic in manifest] if cell == "all" else []
        return [
            *events,
            *every,
            *(manifest.prefix + named.replace("NAME", connector) for named in _QUOTED.findall(cell)),
        ]

    def names(cell: str) -> list[str]:
        known = {"<prefix>": manifest.prefix, "<group>": group, "NAME": connector}
        found = _QUOTED.findall(cell)
        for place, value in known.items():
            found = [one.replace(place, value) for one in found]
        return found

    return [
        *(Grant("topic", name, "Read") for name in topics(read)),
        *(Grant("topic", name, "Write") for name in topics(write)),
        *(Grant("group", name, "Read") for name in names(groups)),
        *(Grant("transactional id", name, "Write") for name in names(transactional)),
    ]


def administering(name: str) -> list[Grant]:
    """What making topics needs, of one or those that a pattern names."""
    return [Grant("topic", name, "Create, Describe, DescribeConfigs, Alter, AlterConfigs")]

"""`docs/metrics.md`, made from the metrics' definitions: `python -m stream_app.ops.metric_docs > docs/metrics.md`."""

from collections.abc import Iterator

from stream_app.ops.metric_names import METRICS, Process

_HEAD = """# Metrics

Every metric of this system; made from `stream_app/ops/metric_names.py` by `python -m stream_app.ops.metric_docs`, and held to it by a
test. A histogram is stored as `_bucket`, `_sum` and `_count`. Labels have few values, known beforehand: never a lead, an
account or anything else that a producer can invent. What to do about them: [operations.md](operations.md).
"""

_PROCESSES: dict[Process, str] = {
    "worker": "Worker: `stream-app worker --metrics-port N`",
    "lag": "Lag: `stream-app lag --serve N`, and the query API",
    "projector": "Projector: `stream-app projector --metrics-port N`",
    "serve": "Query API: `stream-app serve --metrics-port N`",
    "connector": "Connectors: `stream-app connect NAME --metrics-port N`",
}


def page() -> str:
    """The page as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD.rstrip()
    for process, title in _PROCESSES.items():
        yield f"\n## {title}\n\n| metric | kind | labels | meaning |\n|---|---|---|---|"
        for metric in METRICS:
            if metric.process == process:
                labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
                yield f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |"


if __name__ == "__main__":
    print(page(), end="")

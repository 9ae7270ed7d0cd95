"""By what a transition is followed through the logs of all processes: its id, and the id of the event that made it.

The rule: a line about a transition has these fields, whoever logs it, and nothing of the person.
"""

from collections.abc import Mapping
from typing import Any


def correlated(document: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a line about a transition; of another document `correlation_id` is None."""
    cause = document.get("cause")
    event = cause.get("event_id") if isinstance(cause, Mapping) else None
    return {"correlation_id": event, "transition_id": document.get("id")}

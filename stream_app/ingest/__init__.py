"""From a record's bytes to an accepted activity, or to a refusal that says why."""

from stream_app.ingest.events import parse_event
from stream_app.ingest.refusal import Refusal

__all__ = ["Refusal", "parse_event"]

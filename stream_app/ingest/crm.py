"""What the CRM's own event types must carry (scoring.md section 6, "`crm` activities").

`schemas/event.schema.json` states the same rules (`$defs/crm`); a property test holds the two together.
"""

from collections.abc import Mapping

from stream_app.engine.activity import Value

_OUTCOMES = frozenset({"won", "lost", "disqualified"})


def is_valid_crm(type_: str, properties: Mapping[str, Value | None], keys: int) -> bool:
    """Whether a CRM event has the properties that its type needs; `keys` counts the keys of a person it carries.

    Other types on the channel (a call, a meeting) are activities like any other, and always valid.
    """
    match type_:
        case "stage_set":
            return _is_text(properties.get("stage")) and isinstance(properties.get("ladder", ""), str)
        case "outcome":
            return properties.get("outcome") in _OUTCOMES if _is_text(properties.get("outcome")) else False
        case "feedback":
            return isinstance(properties.get("good"), bool)
        case "owner_set":
            return _is_text(properties.get("owner"))
        case "unlink":
            return keys >= 2
    return True


def _is_text(value: Value | None) -> bool:
    return isinstance(value, str) and value != ""

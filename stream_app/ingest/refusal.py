"""Why an event is not accepted: the codes that dead letters carry (formats.md, "A dead letter")."""

from typing import Literal

Code = Literal["not_json", "schema", "too_large", "future", "too_old", "no_identity", "too_many_facts", "quarantined"]


class Refusal(ValueError):
    """A known-bad event. It goes to the dead letters; nothing else does.

    `code` says what kind of fault, `message` is one line for people (it never quotes the event's values), `pointer`
    is the JSON pointer (RFC 6901) to the offending field, empty for the event as a whole.
    """

    def __init__(self, code: Code, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.pointer = pointer

    def __str__(self) -> str:
        where = f" at {self.pointer}" if self.pointer else ""
        return f"{self.code}{where}: {self.message}"

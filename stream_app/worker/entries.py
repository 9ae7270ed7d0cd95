"""A subject's entry in a table and its changelog: when it is due, then its encoded state.

The due time stands in front so that recovery can fill the timers without decoding a single state.
"""

from typing import Final

NEVER_DUE: Final = (1 << 63) - 1
_HEAD: Final = 8


def pack(due: int | None, state: bytes) -> bytes:
    """An entry of a state that changes by itself at `due` (milliseconds), None for never."""
    return (NEVER_DUE if due is None else due).to_bytes(_HEAD, "big") + state


def due_of(entry: bytes) -> int | None:
    """When an entry is due; None: never."""
    due = int.from_bytes(entry[:_HEAD], "big")
    return None if due == NEVER_DUE else due


def state_of(entry: bytes) -> bytes:
    """An entry's encoded state."""
    return entry[_HEAD:]

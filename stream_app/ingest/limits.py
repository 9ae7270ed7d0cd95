"""The bounds of an event (formats.md, "An event"). `schemas/event.schema.json` states the same; a test compares."""

EVENT_BYTES = 32 * 1024
HEADER_BYTES = 32 * 1024
"""Names and values of a record's headers: an event on its second hop takes them along."""
ENTRIES = 64
NAME_LENGTH = 128
STRING_LENGTH = 4_096
ID_LENGTH = 256
EMAIL_LENGTH = 320
NUMBER = 2**63
"""Numbers are less than this in size: what any JSON library and a 64-bit integer can hold."""

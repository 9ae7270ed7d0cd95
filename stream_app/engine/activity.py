"""An accepted, normalised event, as everything past the edge sees it (scoring.md section 2)."""

import msgspec

Scalar = str | int | float | bool
Value = Scalar | list[Scalar]


class Activity(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One activity of a lead or an account.

    `time` is integer milliseconds since the epoch, UTC. Keys are as producers gave them, already trimmed, with the
    e-mail lower-cased; at least one of `user_id`, `email`, `anonymous_id`, `account_id` is set. A fact of `None`
    removes the fact. `channel` is `None` only offline, where no topic supplies a default.
    """

    event_id: str
    type: str
    time: int
    channel: str | None = None
    user_id: str | None = None
    email: str | None = None
    anonymous_id: str | None = None
    account_id: str | None = None
    properties: dict[str, Value | None] = {}
    facts: dict[str, Value | None] = {}
    account_facts: dict[str, Value | None] = {}

    @property
    def is_account_event(self) -> bool:
        """Whether it is about an account alone: no key of a person."""
        return self.user_id is None and self.email is None and self.anonymous_id is None

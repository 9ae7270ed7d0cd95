"""What the vendors' settings have in common."""

import re
from dataclasses import dataclass
from typing import Final

from stream_app.connectors.fields import Field, Names, read_fields
from stream_app.connectors.pace import Rate
from stream_app.connectors.retry import Backoff, Retry
from stream_app.connectors.secrets import Vault
from stream_app.engine.model.cursor import Cursor

ANY_NAME: Final = re.compile(r"[^\x00-\x1f]{1,128}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a vendor takes: items a request, requests at a time, and in a time. `fixed`: more than that is refused."""

    batch: int
    parallel: int
    rate: Rate
    timeout: float = 20.0
    pending: int = 10_000
    retry: Retry = Backoff()  # noqa: RUF009 - frozen
    fixed: bool = True


@dataclass(frozen=True, slots=True)
class Frame:
    """What a vendor's settings are read with: the model's names, secrets, and the `fields` beside them."""

    names: Names
    vault: Vault
    fields_at: Cursor | None

    def fields(self, pattern: re.Pattern[str], what: str) -> tuple[Field, ...]:
        """The configuration's `fields`; none where there are none."""
        return () if self.fields_at is None else read_fields(self.fields_at, self.names, pattern, what)

    def boolean(self, at: Cursor, key: str, default: bool = False) -> bool:
        """A switch."""
        found = at.get(key)
        return default if found is None else found.boolean()

    def text(self, at: Cursor, key: str, default: str, pattern: re.Pattern[str] = ANY_NAME) -> str:
        """A text of some form."""
        found = at.get(key)
        if found is None:
            return default
        text = found.text()
        if text and pattern.fullmatch(text) is None:
            found.expected(f"a text of the form {pattern.pattern}")
        return text


def read_url(at: Cursor, key: str, default: str | None, allow_http: bool, allow_private: bool) -> str:
    """A URL that may be used."""
    from stream_app.connectors.web import Web

    found = at.get(key) if default is not None else at.need(key, "a URL")
    if found is None:
        return default or ""
    text = found.text("a URL")
    problem = Web(1, 1, allow_private, allow_http).url_problem(text) if text else None
    if problem is not None:
        found.problem(problem)
    return text

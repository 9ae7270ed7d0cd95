"""What a person at a terminal types for a lead, as the keys it may mean (scoring.md section 7)."""

from stream_app.errors import KnownError
from stream_app.ingest import limits

_KINDS = ("user", "email", "anon")
_LONGEST = max(limits.ID_LENGTH, limits.EMAIL_LENGTH) + len("email:")


def keys_meant(text: str) -> tuple[str, ...]:
    """The keys that `text` may mean, the likeliest first.

    `user:...`, `email:...` and `anon:...` mean themselves; a bare e-mail address an e-mail, else a user; any other bare
    id a user, else an anonymous one. E-mails are trimmed and lower-cased, as events' are. Raises `KnownError` for what
    can be no key.
    """
    kind, colon, rest = text.partition(":")
    if len(text) > _LONGEST or not text.strip() or (colon and kind in _KINDS and not rest.strip()):
        raise KnownError("KEY is user:ID, email:ADDRESS or anon:ID, or a bare e-mail address or id")
    if colon and kind in _KINDS:
        return (f"email:{rest.strip().lower()}" if kind == "email" else text,)
    if "@" in text:
        return f"email:{text.strip().lower()}", f"user:{text}", f"anon:{text}"
    return f"user:{text}", f"anon:{text}"

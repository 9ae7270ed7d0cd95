"""API keys: a file of digests. A key is shown once, when it is made.

The rule: a key is 256 random bits, so one SHA-256 of it is as hard to turn back as the slowest password hash: there is
nothing to guess. (argon2 and scrypt make guessing costly, and would make every request costly too.)
"""

import hashlib
import hmac
import os
import re
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from stream_app.errors import KnownError

SCOPES = ("leads:read", "accounts:read", "transitions:read")
_TOKEN = re.compile(r"sak_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_NAME = re.compile(r"[\w .@-]{1,64}", re.ASCII)
_LARGEST = 1 << 20


class ApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key as the file has it: everything but the key. `expires` (RFC 3339) may be null: never."""

    id: str
    name: str
    scopes: tuple[str, ...]
    sha256: str
    created: str
    expires: str | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    keys: list[ApiKey] = []


class Keyring:
    """The keys of a file, read again when it changes. A file that is not there holds none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[str, ApiKey] = {}

    def keys(self) -> Sequence[ApiKey]:
        """All keys. Raises `KnownError` for a damaged file."""
        self._refresh()
        return list(self._keys.values())

    def holder(self, token: str, now: str) -> ApiKey | None:
        """The key that a token is; None for one that is unknown, revoked or expired at `now` (RFC 3339, UTC)."""
        self._refresh()
        match = _TOKEN.fullmatch(token)
        found = self._keys.get(match.group(1)) if match is not None else None
        expected = found.sha256 if found is not None else _digest("")
        same = hmac.compare_digest(_digest(token), expected)
        if found is None or not same or (found.expires is not None and found.expires <= now):
            return None
        return found

    def create(self, name: str, scopes: Sequence[str], now: str, expires: str | None = None) -> tuple[ApiKey, str]:
        """Make a key and write it down; the key and its token, which is not kept. Raises `KnownError`."""
        if _NAME.fullmatch(name) is None:
            raise KnownError("NAME: 1 to 64 letters, digits, spaces and . _ @ -")
        for scope in scopes:
            if scope not in SCOPES:
                raise KnownError(f"--scope {scope}: expected one of {', '.join(SCOPES)}")
        ident = secrets.token_hex(6)
        token = f"sak_{ident}_{secrets.token_urlsafe(32)}"
        made = ApiKey(ident, name, tuple(sorted(set(scopes))), _digest(token), now, expires)
        self._write([*self.keys(), made])
        return made, token

    def revoke(self, ident: str) -> ApiKey:
        """Remove a key; running servers know at their next request. Raises `KnownError` where there is none."""
        found = next((key for key in self.keys() if key.id == ident), None)
        if found is None:
            raise KnownError(f"no key has the id {ident!r}: 'stream-app serve keys list' names them")
        self._write([key for key in self.keys() if key.id != ident])
        return found

    def _refresh(self) -> None:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._stamp, self._keys = None, {}
            return
        except OSError as error:
            raise KnownError(f"{self.path}: {error.strerror or error}") from error
        stamp = stat.st_mtime_ns, stat.st_size, stat.st_ino
        if stamp == self._stamp:
            return
        if stat.st_size > _LARGEST:
            raise KnownError(f"{self.path}: larger than {_LARGEST} bytes")
        try:
            file = msgspec.json.decode(self.path.read_bytes(), type=_File)
        except (OSError, msgspec.DecodeError) as error:
            raise KnownError(f"{self.path}: not a file of API keys: {error}") from error
        self._stamp, self._keys = stamp, {key.id: key for key in file.keys}

    def _write(self, keys: Sequence[ApiKey]) -> None:
        """All or nothing, readable by the owner alone."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".api-keys-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(_File(list(keys)))) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self._stamp = None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

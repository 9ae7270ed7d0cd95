"""How a client proves who it is and whom it talks to: TLS and SASL for Kafka, TLS and a password for Redis.

The rule: read once, at the edge, from a mapping of environment variables and the files that they name, and complete before
the first connection. What contradicts itself is one line that names the variable and the remedy. No secret is in a
message, a repr or a command line: only user names and passwords given by variables and files exist here.
"""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from stream_app.errors import KnownError

PLAINTEXT: Final = "PLAINTEXT"
PROTOCOLS: Final = (PLAINTEXT, "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

PROTOCOL: Final = "KAFKA_SECURITY_PROTOCOL"
_MECHANISM: Final = "KAFKA_SASL_MECHANISM"
_USERNAME: Final = "KAFKA_SASL_USERNAME"
_PASSWORD: Final = "KAFKA_SASL_PASSWORD"
_SASL: Final = (_MECHANISM, _USERNAME, _PASSWORD, f"{_PASSWORD}_FILE")
_CHECK_HOSTNAME: Final = "SSL_CHECK_HOSTNAME"
_TLS: Final = (
    "SSL_CAFILE",
    "SSL_CERTFILE",
    "SSL_KEYFILE",
    "SSL_KEY_PASSWORD",
    "SSL_KEY_PASSWORD_FILE",
    _CHECK_HOSTNAME,
)

_REDIS_TLS: Final = {
    "ssl_ca_certs": "REDIS_SSL_CAFILE",
    "ssl_certfile": "REDIS_SSL_CERTFILE",
    "ssl_keyfile": "REDIS_SSL_KEYFILE",
}
_LONGEST_SECRET: Final = 4096
_TRUTH: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

Environ = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How Kafka's clients connect. `tls` is set where the protocol is SSL or SASL_SSL, the rest where it is SASL_*.

    Made by `security_from`. Its repr holds no secret.
    """

    protocol: str = PLAINTEXT
    mechanism: str | None = None
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of aiokafka's clients. Not to be logged."""
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.tls is not None:
            options["ssl_context"] = self.tls
        if self.mechanism is not None:
            options["sasl_mechanism"] = self.mechanism
            options["sasl_plain_username"] = self.username
            options["sasl_plain_password"] = self.password
        return options

    @property
    def warning(self) -> str | None:
        """What the operator should know of a protocol that is allowed and unwise."""
        if self.protocol != "SASL_PLAINTEXT":
            return None
        read = "the password and every record" if self.mechanism == "PLAIN" else "every record"
        return f"{PROTOCOL} is SASL_PLAINTEXT: {read} can be read on the way; SASL_SSL encrypts"


def security_from(environ: Environ) -> Security:
    """Kafka's security by the environment. Reads the files that it names; connects to nothing. Raises `KnownError`."""
    protocol = _one_of(environ, PROTOCOL, PROTOCOLS) or PLAINTEXT
    if not protocol.startswith("SASL_"):
        _forbid(environ, _SASL, f"{PROTOCOL} is {protocol}", f"set {PROTOCOL} to SASL_SSL")
    if not protocol.endswith("SSL"):
        secure = "SASL_SSL" if protocol.startswith("SASL_") else "SSL"
        _forbid(environ, [f"KAFKA_{name}" for name in _TLS], f"{PROTOCOL} is {protocol}", f"set {PROTOCOL} to {secure}")
    tls = tls_from(environ, "KAFKA_") if protocol.endswith("SSL") else None
    if not protocol.startswith("SASL_"):
        return Security(protocol=protocol, tls=tls)
    mechanism = _one_of(environ, _MECHANISM, MECHANISMS)
    if mechanism is None:
        raise KnownError(f"{PROTOCOL} is {protocol}: set {_MECHANISM} to one of {', '.join(MECHANISMS)}")
    username = _value(environ, _USERNAME)
    if username is None:
        raise KnownError(f"{PROTOCOL} is {protocol}: set {_USERNAME}")
    password = secret_from(environ, _PASSWORD)
    if password is None:
        raise KnownError(f"{_USERNAME} is set: set {_PASSWORD}_FILE or {_PASSWORD} as well")
    return Security(protocol=protocol, mechanism=mechanism, username=username, password=password, tls=tls)


def tls_from(environ: Environ, head: str) -> ssl.SSLContext:
    """A client's TLS by the variables whose names start with `head`: whose certificates it trusts, and its own.

    Without a CA file it trusts those that the machine trusts. Raises `KnownError`.
    """
    cafile, certfile, keyfile = (_file(environ, head + name) for name in ("SSL_CAFILE", "SSL_CERTFILE", "SSL_KEYFILE"))
    try:
        context = ssl.create_default_context(cafile=cafile)
    except (OSError, ValueError):
        raise KnownError(f"{head}SSL_CAFILE: {cafile} holds no certificates: expected PEM") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = _truth(environ, head + _CHECK_HOSTNAME)
    password = secret_from(environ, f"{head}SSL_KEY_PASSWORD")
    if certfile is not None:
        try:
            context.load_cert_chain(certfile, keyfile, password=password or "")  # without one OpenSSL would ask for it
        except (OSError, ValueError):
            raise KnownError(_bad_pair(head, certfile, keyfile, password is not None)) from None
    elif keyfile is not None or password is not None:
        name = "SSL_KEYFILE" if keyfile is not None else "SSL_KEY_PASSWORD"
        raise KnownError(f"{head}{name} is set: set {head}SSL_CERTFILE to the certificate that goes with the key")
    return context


def redis_url(url: str, environ: Environ) -> str:
    """A Redis URL with what `REDIS_PASSWORD`, `REDIS_PASSWORD_FILE` and `REDIS_SSL_*` add to it, as redis-py reads it.

    It may hold a password and is not to be shown. Raises `KnownError` where they contradict the URL or each other.
    """
    added: dict[str, str] = {}
    if redis_tls(url, environ) is not None:  # it reads the files, so that what is wrong with them is told first
        found = {option: _value(environ, variable) for option, variable in _REDIS_TLS.items()}
        found["ssl_password"] = secret_from(environ, "REDIS_SSL_KEY_PASSWORD")
        found["ssl_check_hostname"] = None if _truth(environ, f"REDIS_{_CHECK_HOSTNAME}") else "false"
        added = {option: value for option, value in found.items() if value is not None}
    password = secret_from(environ, "REDIS_PASSWORD")
    if password is None and not added:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        raise KnownError("the Redis URL: expected redis://[user@]host:port/database, or rediss://") from None
    if password is not None:
        user, _, place = parts.netloc.rpartition("@")
        if ":" in user:
            raise KnownError("REDIS_PASSWORD is set, and the Redis URL holds a password too: leave one out")
        parts = parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}")
    return parts._replace(query="&".join(filter(None, (parts.query, urlencode(added))))).geturl()


def redis_tls(url: str, environ: Environ) -> ssl.SSLContext | None:
    """The TLS of a `rediss://` URL by `REDIS_SSL_*`; None for `redis://`. Raises `KnownError`."""
    if url.startswith("rediss://"):
        return tls_from(environ, "REDIS_")
    _forbid(environ, [f"REDIS_{name}" for name in _TLS], "the Redis URL is without TLS", "make it rediss://")
    return None


def secret_from(environ: Environ, name: str) -> str | None:
    """A secret: the value of a variable, or the content of the file that `<name>_FILE` names, without its last line's end.

    None where neither is set. Raises `KnownError` where both are, or the file is not as it should be.
    """
    value, file = _value(environ, name), f"{name}_FILE"
    path = _file(environ, file)
    if path is None:
        return value
    if value is not None:
        raise KnownError(f"{name} and {file} are both set: leave one out")
    try:
        with Path(path).open("rb") as stream:
            found = stream.read(_LONGEST_SECRET + 1)
        text = found.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise KnownError(f"{file}: {path} can't be read: {error.strerror}") from None
    except ValueError:
        raise KnownError(f"{file}: {path} is not UTF-8 text") from None
    if not text or "\n" in text or len(found) > _LONGEST_SECRET:
        raise KnownError(f"{file}: {path} must hold one line of at most {_LONGEST_SECRET} bytes: the secret itself")
    return text


def _value(environ: Environ, name: str) -> str | None:
    """A variable's value; one that is set to nothing is not set, as compose files have it."""
    return environ.get(name) or None


def _one_of(environ: Environ, name: str, known: tuple[str, ...]) -> str | None:
    value = _value(environ, name)
    if value is None:
        return None
    if value.upper() not in known:
        raise KnownError(f"{name} is none of {', '.join(known)}")
    return value.upper()


def _truth(environ: Environ, name: str) -> bool:
    """True unless it says no."""
    value = (_value(environ, name) or "true").lower()
    if value not in _TRUTH:
        raise KnownError(f"{name} is neither true nor false")
    return _TRUTH[value]


def _file(environ: Environ, name: str) -> str | None:
    path = _value(environ, name)
    if path is not None and not Path(path).is_file():
        raise KnownError(f"{name}: there is no file {path}")
    return path


def _forbid(environ: Environ, names: Sequence[str], why: str, remedy: str) -> None:
    for name in names:
        if _value(environ, name) is not None:
            raise KnownError(f"{name} is set, but {why}: {remedy}, or unset {name}")


def _bad_pair(head: str, certfile: str, keyfile: str | None, password: bool) -> str:
    """Why a certificate can't be loaded, as far as OpenSSL lets one know."""
    key = keyfile if keyfile is not None else certfile
    hint = (
        f"does {head}SSL_KEY_PASSWORD open it?" if password else f"an encrypted key needs {head}SSL_KEY_PASSWORD_FILE"
    )
    return f"{head}SSL_CERTFILE: {certfile} and the key in {key} are not a PEM certificate and its key; {hint}"

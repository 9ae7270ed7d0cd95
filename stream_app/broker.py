"""Where Kafka is and how its clients get in: one value, from the command line's edge to every client.

The rule: a client of aiokafka is made with `client_options(broker)` and in no other way, so that none forgets TLS or the
login (tests/unit/test_security.py looks). Why a `Broker` is a text: docs/decisions/0034-broker-access.md.
"""

import asyncio
import ssl
from typing import Any, Final, Self

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from stream_app.errors import KnownError
from stream_app.security import PROTOCOL, Security

_LOOK_SECONDS: Final = 5.0
_NOT_THIS_HOST: Final = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


class RefusedError(KnownError):
    """Kafka is there and does not let us in, or we do not trust it: a matter of settings."""


class EndedError(RefusedError):
    """Kafka ends the connection without a word: most likely a matter of settings, but a broker that goes down does it too."""


class Broker(str):
    """Kafka's addresses, `host:port` with commas between, and how its clients connect.

    It is the text of the addresses, so what prints or logs it shows these and nothing else. A plain text is a Kafka without
    TLS and login, such as the embedded one.
    """

    __slots__ = ("security",)
    security: Security

    def __new__(cls, addresses: str, security: Security) -> Self:
        """Addresses and security."""
        made = super().__new__(cls, addresses)
        made.security = security
        return made


def client_options(broker: str) -> dict[str, Any]:
    """The keyword arguments by which every client of aiokafka reaches a broker: address, TLS, login. Not to be logged."""
    options = broker.security.options if isinstance(broker, Broker) else {}
    return {"bootstrap_servers": str(broker), **options}


async def demand_entry(broker: str) -> None:
    """Once a client could not connect: say why, where it is not that nothing answers.

    aiokafka tells "can't connect" in any case. This asks again, once, and looks. Raises `RefusedError`; returns where
    no server answers, or one does and lets us in by now.
    """
    for host, port, _ in collect_hosts(str(broker)):
        security = broker.security if isinstance(broker, Broker) else Security()
        try:
            await asyncio.wait_for(_look(host, port, security), _LOOK_SECONDS)
        except TimeoutError:
            continue
        except (OSError, KafkaError) as error:
            reason = _reason(error, security)
            if reason is not None:
                raise RefusedError(f"Kafka at {host}:{port} {reason}") from None
            if isinstance(error, ssl.SSLError | ConnectionResetError | KafkaConnectionError):
                raise EndedError(
                    f"Kafka at {host}:{port} ends the connection: is {PROTOCOL} ({security.protocol}) this listener's, "
                    "and does it want a login, or a client's certificate that it knows (KAFKA_SSL_CERTFILE)?"
                ) from None
        else:
            return


async def _look(host: str, port: int, security: Security) -> None:
    """Connect as a client does, and ask for something that only who is let in is told."""
    named = {name: value for name, value in security.options.items() if value is not None}
    connection = await create_conn(host, port, request_timeout_ms=int(_LOOK_SECONDS * 1000), **named)
    try:
        await connection.send(MetadataRequest([]))
    finally:
        connection.close()


def _reason(error: Exception, security: Security) -> str | None:
    """What an error means for who has to mend it, in the words of our settings; None where it may mean anything."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _NOT_THIS_HOST:
            return f"shows a certificate that is not this host's: {error.verify_message}; see KAFKA_SSL_CHECK_HOSTNAME"
        return f"shows a certificate that is not trusted ({error.verify_message}): KAFKA_SSL_CAFILE must name its CA"
    if isinstance(error, SaslAuthenticationFailed):
        return (
            f"refuses the login ({security.mechanism}): look at KAFKA_SASL_USERNAME, the password and the mechanism; "
            "a changed password needs a restart"
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        return f"does not know the mechanism {security.mechanism} here: set KAFKA_SASL_MECHANISM to one that it offers"
    if isinstance(error, IllegalSaslStateError):
        return f"wants no login here: set {PROTOCOL} without SASL_, or name the port of another listener"
    if isinstance(error, ssl.SSLError) and "CERTIFICATE_REQUIRED" in str(error.reason):
        return "wants a client's certificate: set KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE"
    return None

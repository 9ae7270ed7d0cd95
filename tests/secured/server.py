"""A Kafka that lets in only who proves who he is: listeners with SASL over TLS and with mutual TLS, and access lists."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from stream_app.local.kafka import KafkaServer
from stream_app.local.process import free_port
from tests.secured.authority import LOOPBACK, Authority

ADMIN = "admin"
SCRAM = "SCRAM-SHA-512"
_ALLOW = 3
_PROTOCOLS = ",".join(f"{name}:{name}" for name in ("PLAINTEXT", "SASL_SSL", "SSL", "SASL_PLAINTEXT"))
_PROTOCOLS += ",CONTROLLER:PLAINTEXT"
_RESOURCES = {"topic": 2, "group": 3, "cluster": 4, "transactional id": 5}
_PATTERNS = {"literal": 3, "prefixed": 4}
_OPERATIONS = {
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Alter": 7,
    "Describe": 8,
    "DescribeConfigs": 10,
    "AlterConfigs": 11,
}


@dataclass(frozen=True)
class Grant:
    """What a user may do with a resource; a name that ends with `*` is a prefix, `*` any."""

    resource: str
    name: str
    operations: str


class SecuredKafka(KafkaServer):
    """Besides the plain listener on loopback, whose anonymous user may do everything and by which the tests look on.

    `users` have the mechanism SCRAM-SHA-512 and, where `plain` is set, PLAIN; of them `admin` may do everything, the
    others what they are granted. With mutual TLS the user is the certificate's name.
    """

    def __init__(self, data_dir: Path, authority: Authority, users: Mapping[str, str], *, plain: bool = False) -> None:
        super().__init__(data_dir, heap="384m")
        self._authority, self._users, self._plain = authority, users, plain
        self._sasl_port, self._tls_port, self._clear_port = free_port(), free_port(), free_port()
        self._controller = f"{LOOPBACK}:{free_port()}"

    @property
    def sasl(self) -> str:
        """Where SASL over TLS is spoken."""
        return f"{LOOPBACK}:{self._sasl_port}"

    @property
    def mutual(self) -> str:
        """Where clients show a certificate."""
        return f"{LOOPBACK}:{self._tls_port}"

    @property
    def clear(self) -> str:
        """Where SASL is spoken without TLS."""
        return f"{LOOPBACK}:{self._clear_port}"

    def _more_settings(self, port: int) -> str:
        store = self.data_dir / "server.pem"
        certificate, key = self._authority.issue("server")
        store.write_text(key.read_text() + certificate.read_text())
        listeners = (
            f"PLAINTEXT://{LOOPBACK}:{port},SASL_SSL://{self.sasl},SSL://{self.mutual},SASL_PLAINTEXT://{self.clear}"
        )
        lines = [
            f"listeners={listeners},CONTROLLER://{self._controller}",
            f"advertised.listeners={listeners}",
            f"listener.security.protocol.map={_PROTOCOLS}",
            f"controller.quorum.voters=1@{self._controller}",
            "ssl.keystore.type=PEM",
            f"ssl.keystore.location={store}",
            "ssl.truststore.type=PEM",
            f"ssl.truststore.location={self._authority.certificate}",
            "listener.name.ssl.ssl.client.auth=required",
            "ssl.principal.mapping.rules=RULE:^CN=([^,]+).*$/$1/",
            f"sasl.enabled.mechanisms={SCRAM},PLAIN" if self._plain else f"sasl.enabled.mechanisms={SCRAM}",
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            f"super.users=User:ANONYMOUS;User:{ADMIN}",
        ]
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        known = " ".join(f'user_{user}="{password}"' for user, password in self._users.items())
        plain = f"org.apache.kafka.common.security.plain.PlainLoginModule required {known};"
        for listener in ("sasl_ssl", "sasl_plaintext"):
            lines.append(f"listener.name.{listener}.{SCRAM.lower()}.sasl.jaas.config={scram}")
            if self._plain:
                lines.append(f"listener.name.{listener}.plain.sasl.jaas.config={plain}")
        return "\n".join(lines) + "\n"

    def _format_options(self) -> list[str]:
        words = []
        for user, password in self._users.items():
            words += ["--add-scram", f"{SCRAM}=[name={user},password={password}]"]
        return words


async def grant(bootstrap: str, user: str, grants: Iterable[Grant]) -> None:
    """Let a user do things."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        for one in grants:
            prefixed = one.name.endswith("*") and one.name != "*"
            for operation in one.operations.split(", "):
                request = CreateAclsRequest(
                    _RESOURCES[one.resource],
                    one.name.removesuffix("*") if prefixed else one.name,
                    _PATTERNS["prefixed" if prefixed else "literal"],
                    f"User:{user}",
                    "*",
                    _OPERATIONS[operation],
                    _ALLOW,
                )
                response = await admin._send_request(request)
                for code, message in response.creation_responses:
                    assert code == 0, (code, message)
    finally:
        await admin.close()

"""TLS and logins by the environment: what is refused, what clients are given, and that no secret shows."""

import ast
import logging
import ssl
from pathlib import Path

import pytest

from stream_app.broker import Broker, client_options
from stream_app.errors import KnownError
from stream_app.security import Security, redis_tls, redis_url, security_from
from tests.secured.authority import Authority

SECRET = "hunter2-never-shown"
LOGIN = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_SASL_USERNAME": "scorer",
    "KAFKA_SASL_PASSWORD": SECRET,
}
SSL = {"KAFKA_SECURITY_PROTOCOL": "SSL"}
_REFUSED = [
    ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
    (
        {"KAFKA_SASL_USERNAME": "u"},
        "KAFKA_SASL_USERNAME is set, but KAFKA_SECURITY_PROTOCOL is PLAINTEXT: set .* SASL_SSL",
    ),
    (SSL | {"KAFKA_SASL_PASSWORD": SECRET}, "KAFKA_SASL_PASSWORD is set, but KAFKA_SECURITY_PROTOCOL is SSL"),
    (LOGIN | {"KAFKA_SSL_CAFILE": __file__}, "KAFKA_SSL_CAFILE is set, but .* SASL_PLAINTEXT: set .* to SASL_SSL"),
    ({"KAFKA_SSL_CHECK_HOSTNAME": "false"}, "KAFKA_SSL_CHECK_HOSTNAME is set, but .* PLAINTEXT: set .* to SSL"),
    (LOGIN | {"KAFKA_SASL_MECHANISM": ""}, "set KAFKA_SASL_MECHANISM to one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"),
    (LOGIN | {"KAFKA_SASL_MECHANISM": "GSSAPI"}, "KAFKA_SASL_MECHANISM is none of PLAIN"),
    (LOGIN | {"KAFKA_SASL_USERNAME": ""}, "set KAFKA_SASL_USERNAME"),
    (LOGIN | {"KAFKA_SASL_PASSWORD": ""}, "set KAFKA_SASL_PASSWORD_FILE or KAFKA_SASL_PASSWORD"),
    (LOGIN | {"KAFKA_SASL_PASSWORD_FILE": __file__}, "KAFKA_SASL_PASSWORD and KAFKA_SASL_PASSWORD_FILE are both set"),
    (
        LOGIN | {"KAFKA_SASL_PASSWORD": "", "KAFKA_SASL_PASSWORD_FILE": "/no/such"},
        "KAFKA_SASL_PASSWORD_FILE: there is no file /no/such",
    ),
    (
        LOGIN | {"KAFKA_SASL_PASSWORD": "", "KAFKA_SASL_PASSWORD_FILE": __file__},
        "KAFKA_SASL_PASSWORD_FILE: .* must hold one line",
    ),
    (SSL | {"KAFKA_SSL_CAFILE": "/no/such"}, "KAFKA_SSL_CAFILE: there is no file /no/such"),
    (SSL | {"KAFKA_SSL_CAFILE": __file__}, "KAFKA_SSL_CAFILE: .* holds no certificates"),
    (SSL | {"KAFKA_SSL_CERTFILE": __file__}, "KAFKA_SSL_CERTFILE: .* are not a PEM certificate and its key"),
    (SSL | {"KAFKA_SSL_KEYFILE": __file__}, "KAFKA_SSL_KEYFILE is set: set KAFKA_SSL_CERTFILE"),
    (SSL | {"KAFKA_SSL_KEY_PASSWORD": SECRET}, "KAFKA_SSL_KEY_PASSWORD is set: set KAFKA_SSL_CERTFILE"),
    (SSL | {"KAFKA_SSL_CHECK_HOSTNAME": "maybe"}, "KAFKA_SSL_CHECK_HOSTNAME is neither true nor false"),
]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A CA."""
    return Authority(tmp_path)


@pytest.mark.parametrize(("environ", "says"), _REFUSED)
def test_what_contradicts_itself_is_a_line_that_names_the_variable(environ: dict[str, str], says: str) -> None:
    """Before anything connects, and without the secret."""
    with pytest.raises(KnownError, match=says) as told:
        security_from(environ)
    assert "\n" not in str(told.value)
    assert SECRET not in str(told.value)


def test_nothing_set_is_plaintext() -> None:
    """As it was; a variable that is set to nothing is not set."""
    assert security_from({"KAFKA_SASL_USERNAME": "", "KAFKA_SSL_CAFILE": ""}) == Security()
    assert client_options("b:1") == {"bootstrap_servers": "b:1"}


def test_a_login_reaches_the_client(tmp_path: Path) -> None:
    """From a variable or a file, whose last line's end is not part of the password."""
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    by_file = LOGIN | {"KAFKA_SASL_PASSWORD": "", "KAFKA_SASL_PASSWORD_FILE": str(file)}
    expected = {
        "bootstrap_servers": "b:1",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "scorer",
        "sasl_plain_password": SECRET,
    }
    assert client_options(Broker("b:1", security_from(LOGIN))) == expected
    assert client_options(Broker("b:1", security_from(by_file))) == expected


@pytest.mark.parametrize(("mechanism", "read"), [("PLAIN", "the password and"), ("scram-sha-256", "every record")])
def test_a_login_in_the_clear_is_allowed_and_warned_of(mechanism: str, read: str) -> None:
    """And says what can be read."""
    warning = security_from(LOGIN | {"KAFKA_SASL_MECHANISM": mechanism}).warning
    assert warning is not None
    assert read in warning
    assert security_from(LOGIN | {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}).warning is None


def test_tls_trusts_the_ca_that_is_named_and_checks_the_host(authority: Authority) -> None:
    """Nothing below TLS 1.2; the host's name is checked unless that is turned off, the certificate always."""
    environ = SSL | {"KAFKA_SSL_CAFILE": str(authority.certificate)}
    tls = security_from(environ).tls
    assert tls is not None
    assert tls.verify_mode == ssl.CERT_REQUIRED
    assert tls.check_hostname
    assert tls.minimum_version == ssl.TLSVersion.TLSv1_2
    assert len(tls.get_ca_certs()) == 1
    lenient = security_from(environ | {"KAFKA_SSL_CHECK_HOSTNAME": "false"}).tls
    assert lenient is not None
    assert not lenient.check_hostname
    assert lenient.verify_mode == ssl.CERT_REQUIRED


def test_an_encrypted_key_is_opened_by_its_password_and_never_asked_for(authority: Authority, tmp_path: Path) -> None:
    """Without the password, or with a wrong one, there is a line; OpenSSL would ask at the terminal and wait."""
    certificate, key = authority.issue("client", password=SECRET)
    environ = SSL | {"KAFKA_SSL_CERTFILE": str(certificate), "KAFKA_SSL_KEYFILE": str(key)}
    assert security_from(environ | {"KAFKA_SSL_KEY_PASSWORD": SECRET}).tls is not None
    file = tmp_path / "key-password"
    file.write_text(SECRET)
    assert security_from(environ | {"KAFKA_SSL_KEY_PASSWORD_FILE": str(file)}).tls is not None
    with pytest.raises(KnownError, match="an encrypted key needs KAFKA_SSL_KEY_PASSWORD_FILE"):
        security_from(environ)
    with pytest.raises(KnownError, match="does KAFKA_SSL_KEY_PASSWORD open it"):
        security_from(environ | {"KAFKA_SSL_KEY_PASSWORD": "wrong"})


def test_a_broker_is_the_text_of_its_addresses(caplog: pytest.LogCaptureFixture) -> None:
    """However it is shown, formatted or logged: no secret."""
    broker = Broker("a:1,b:2", security_from(LOGIN))
    assert broker == "a:1,b:2"
    logging.getLogger().error("at %s %r", broker, broker)
    shown = f"{broker} {broker!r} {broker.security} {broker.security!r} {caplog.text}"
    assert SECRET not in shown


def test_every_client_is_made_with_its_options(repository: Path) -> None:
    """So none forgets TLS and the login."""
    made = 0
    for path in (repository / "stream_app").rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            assert "bootstrap_servers" not in {keyword.arg for keyword in call.keywords}, path
            if ast.unparse(call.func).startswith("AIOKafka"):
                spread = [ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg is None]
                assert any(words.startswith("client_options(") for words in spread), f"{path}:{call.lineno}"
                made += 1
    assert made > 15


# -- Redis ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        ("redis://h:6379/0", {}, "redis://h:6379/0"),
        ("redis://h/0?socket_timeout=3", {"REDIS_PASSWORD": "a/b@c"}, "redis://:a%2Fb%40c@h/0?socket_timeout=3"),
        ("redis://u@[::1]:1", {"REDIS_PASSWORD": "p"}, "redis://u:p@[::1]:1"),
        ("rediss://h/0", {"REDIS_SSL_CHECK_HOSTNAME": "false"}, "rediss://h/0?ssl_check_hostname=false"),
    ],
)
def test_a_redis_url_gets_what_the_environment_adds(url: str, environ: dict[str, str], expected: str) -> None:
    """As redis-py reads it."""
    assert redis_url(url, environ) == expected


def test_redis_trusts_the_ca_that_is_named(authority: Authority) -> None:
    """And shows the client's certificate."""
    certificate, key = authority.issue("client", password=SECRET)
    environ = {
        "REDIS_SSL_CAFILE": str(authority.certificate),
        "REDIS_SSL_CERTFILE": str(certificate),
        "REDIS_SSL_KEYFILE": str(key),
        "REDIS_SSL_KEY_PASSWORD": SECRET,
    }
    tls = redis_tls("rediss://h", environ)
    assert tls is not None
    assert len(tls.get_ca_certs()) == 1
    url = redis_url("rediss://h", environ)
    for option in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_password"):
        assert f"{option}=" in url


@pytest.mark.parametrize(
    ("url", "environ", "says"),
    [
        ("redis://h", {"REDIS_SSL_CAFILE": __file__}, "REDIS_SSL_CAFILE is set, but the Redis URL is without TLS"),
        ("rediss://h", {"REDIS_SSL_CAFILE": __file__}, "REDIS_SSL_CAFILE: .* holds no certificates"),
        ("redis://:p@h", {"REDIS_PASSWORD": SECRET}, "REDIS_PASSWORD is set, and the Redis URL holds a password too"),
        ("redis://[h", {"REDIS_PASSWORD": SECRET}, "the Redis URL: expected redis://"),
        ("redis://h", {"REDIS_PASSWORD_FILE": "/no/such"}, "REDIS_PASSWORD_FILE: there is no file"),
    ],
)
def test_what_contradicts_the_redis_url(url: str, environ: dict[str, str], says: str) -> None:
    """Is a line without the secret."""
    with pytest.raises(KnownError, match=says) as told:
        redis_url(url, environ)
    assert SECRET not in str(told.value)

"""The command line and the worker on a cluster that lets in only who proves who he is."""

import json
from pathlib import Path

import pytest

from tests.lanes.process import ROOT
from tests.secured.authority import Authority
from tests.secured.cluster import EVENT, PARTITIONS, WRONG, Cluster, Process, caught_up, command, done, no_secret
from tests.secured.fixtures import cluster, rediss, secured
from tests.secured.page import documented
from tests.secured.server import ADMIN, grant

__all__ = ["cluster", "rediss", "secured"]  # fixtures


@pytest.mark.timeout(180)
@pytest.mark.parametrize("login", ["scram", "certificate"])
async def test_scored_from_end_to_end(cluster: Cluster, login: str) -> None:
    """By a password over TLS, and by a certificate with an encrypted key: topics are made, an event is produced, scored on
    disk and shown, the lag is told, and a model published into the worker."""
    environ = cluster.scram(ADMIN) if login == "scram" else cluster.mutual(ADMIN)
    events = cluster.directory / "events.ndjson"
    events.write_text(json.dumps(EVENT) + "\n")
    await done(environ, "topics", "create", "--partitions", str(PARTITIONS))
    await done(environ, "produce", str(events))
    words = [
        "worker",
        "--group",
        cluster.group,
        "--partitions",
        str(PARTITIONS),
        "--clock",
        "event",
        "--store",
        "rocksdb",
    ]
    words += ["--data-dir", str(cluster.directory / "data"), "--log-level", "debug"]
    with Process(cluster.directory, environ, *words) as worker:
        await worker.says("\nready\n")
        await caught_up(environ, cluster.group)
        shown = json.loads(await done(environ, "lead", "show", "user:ann", "--json"))
        assert shown["scores"]["interest"] > 0, shown
        await done(environ, "model", "publish", str(cluster.model), "--by", "ann", "--wait", "30")
        assert worker.stop() == 0
        assert no_secret(worker.said()), worker.said()


REFUSED: dict[str, tuple[dict[str, str], str, tuple[str, ...]]] = {
    "password": ({"KAFKA_SASL_PASSWORD": WRONG, "KAFKA_SASL_PASSWORD_FILE": ""}, "refuses the login", ()),
    "ca": ({"KAFKA_SSL_CAFILE": "OTHER"}, "a certificate that is not trusted", ("lag", "worker")),
    "mechanism": ({"KAFKA_SASL_MECHANISM": "PLAIN"}, "does not know the mechanism PLAIN", ("topics",)),
    "protocol": (
        {"KAFKA_SECURITY_PROTOCOL": "SSL"} | dict.fromkeys(
            ("KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD_FILE"), ""
        ),
        "ends the connection: is KAFKA_SECURITY_PROTOCOL",
        ("topics", "lag"),  # a broker that goes down does it too: the worker would end with 70
    ),
}  # fmt: skip
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("topics", "check"),
    ("produce", "examples/events.ndjson"),
    ("lag",),
    ("lead", "show", "user:ann"),
    ("lead", "erase", "user:ann"),
    ("dead-letters", "list"),
    ("model", "list"),
    ("model", "publish", "b2b-saas", "--by", "ann"),
    ("worker", "--log-format", "json"),
)


@pytest.mark.parametrize("wrong", REFUSED)
async def test_who_is_not_let_in_is_told_why_in_a_line(cluster: Cluster, wrong: str, tmp_path: Path) -> None:
    """Whatever the command: exit code 2, within seconds, and no secret."""
    change, says, only = REFUSED[wrong]
    other = Authority(tmp_path / "other", "another CA")
    change = {name: value.replace("OTHER", str(other.certificate)) for name, value in change.items()}
    environ = cluster.scram("worker") | change
    for words in (one for one in COMMANDS if not only or one[0] in only):
        said = await command(environ, *words)
        assert said.code == 2, (words, said)
        lines = [line for line in said.err.splitlines() if words[0] != "worker" or not line.startswith("{")]
        assert len(lines) == 1, (words, said)
        assert says in lines[0], (words, said)


async def test_a_client_that_nobody_vouches_for(cluster: Cluster, tmp_path: Path) -> None:
    """Mutual TLS with a certificate of another CA, with none, and with another host's name for the broker."""
    stranger = cluster.mutual(ADMIN, Authority(tmp_path / "other", "another CA"))
    nobody = stranger | dict.fromkeys(("KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE", "KAFKA_SSL_KEY_PASSWORD"), "")
    for environ in (stranger, nobody):
        said = await command(environ, "topics", "check")
        assert (said.code, "a client's certificate that it knows" in said.err) == (2, True), said
    elsewhere = cluster.scram("topics create") | {"KAFKA_BROKER": cluster.server.sasl.replace("127.0.0.1", "localhost")}
    said = await command(elsewhere, "topics", "check")
    assert (said.code, "not this host's" in said.err) == (2, True), said


async def test_what_a_worker_may_not_do_is_named(cluster: Cluster) -> None:
    """The group, a transactional id, a topic: each with exit code 2, since a worker without them would wait for ever."""
    await done(cluster.scram(ADMIN), "topics", "create", "--partitions", str(PARTITIONS))
    page = ROOT / "docs" / "operations.md"
    allowed = documented(page, "worker", cluster.manifest, cluster.group, "")
    words = ["worker", "--group", cluster.group, "--partitions", str(PARTITIONS)]
    for missing, says in (
        ("group", f"may not use the group {cluster.group};"),
        ("transactional id", f"may not use the transactional id {cluster.group}-lead-0;"),
        ("topic", f"may not see {cluster.prefix}account-changelog"),
    ):
        said = await command(cluster.scram("worker"), *words)
        assert (said.code, says in said.err) == (2, True), said
        await grant(cluster.server.bootstrap, "worker", [one for one in allowed if one.resource == missing])


async def test_status_asks_over_tls(cluster: Cluster, rediss: dict[str, str]) -> None:
    """And a login in the clear works, and is warned of."""
    found = json.loads(await done(cluster.scram("lag", **rediss), "status", "--json"))
    assert {one["service"]: one["state"] for one in found} == {"kafka": "external", "valkey": "external"}
    clear = cluster.scram("lag") | {
        "KAFKA_BROKER": cluster.server.clear,
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SSL_CAFILE": "",
    }
    said = await command(clear, "lag")
    assert (said.code, said.err.count("warning: KAFKA_SECURITY_PROTOCOL is SASL_PLAINTEXT")) == (0, 1), said


async def test_redis_that_is_not_trusted(cluster: Cluster, rediss: dict[str, str]) -> None:
    """Without the CA that signed its certificate there is one line."""
    said = await command(cluster.environ(REDIS_URL=rediss["REDIS_URL"]), "top")
    assert said.code == 2, said
    assert "certificate" in said.err.lower(), said

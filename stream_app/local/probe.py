"""Asking a server whether it answers, and which one it is, in its own protocol but without a client library."""

import re
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import ExitStack

# https://kafka.apache.org/protocol: size, api key, version, correlation id, client id (null), and what the request has.
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)
_DESCRIBE_CLUSTER = struct.pack(">ihhihbbb", 13, 60, 0, 1, -1, 0, 0, 0)
# size, correlation id, tags (none), throttle time, error, error message (null), length of the cluster id and one more
_CLUSTER_HEAD = struct.Struct(">iibihBB")
_MAX_ANSWER = 16 * 1024


def kafka_answers(host: str, port: int, timeout_s: float = 1.0, tls: ssl.SSLContext | None = None) -> bool:
    """Whether a Kafka broker answers an ApiVersions request: it does once it is ready for requests, before any login."""
    answer = _ask(host, port, _API_VERSIONS, timeout_s, lambda got: len(got) >= 10, tls)
    # size, the correlation id that was sent, no error
    return len(answer) >= 10 and struct.unpack_from(">ih", answer, 4) == (1, 0)


def kafka_cluster(host: str, port: int, timeout_s: float = 1.0) -> str | None:
    """The cluster id of the Kafka broker that answers there; None where none does."""
    size = _CLUSTER_HEAD.size
    answer = _ask(host, port, _DESCRIBE_CLUSTER, timeout_s, lambda got: len(got) >= size and len(got) >= size + got[15])
    if len(answer) < size:
        return None
    _, correlation, tags, _, error, message, length = _CLUSTER_HEAD.unpack_from(answer)
    if (correlation, tags, error, message) != (1, 0, 0, 0):
        return None
    return answer[size : size + length - 1].decode("ascii", "replace")


def redis_answers(host: str, port: int, timeout_s: float = 1.0, tls: ssl.SSLContext | None = None) -> bool:
    """Whether a Redis-compatible server answers PING, be it with a demand for a password."""
    answer = _ask(host, port, b"PING\r\n", timeout_s, lambda got: got.endswith(b"\r\n"), tls)
    return answer.startswith((b"+PONG", b"-NOAUTH"))


def redis_process(host: str, port: int, timeout_s: float = 1.0) -> int | None:
    """The process id of the Redis-compatible server that answers there, as it says itself; None where none does."""
    answer = _ask(host, port, b"INFO server\r\n", timeout_s, lambda got: b"\r\nexecutable:" in got)
    found = re.search(rb"\r\nprocess_id:(\d{1,10})\r\n", answer)
    return int(found.group(1)) if found else None


def _ask(
    host: str,
    port: int,
    question: bytes,
    timeout_s: float,
    complete: Callable[[bytes], bool],
    tls: ssl.SSLContext | None = None,
) -> bytes:
    """What the server says until that is complete; what there is of it where it ends, or is late."""
    answer = b""
    try:
        with ExitStack() as stack:
            connection = stack.enter_context(socket.create_connection((host, port), timeout=timeout_s))
            if tls is not None:
                connection = stack.enter_context(tls.wrap_socket(connection, server_hostname=host))
            connection.sendall(question)
            while not complete(answer) and len(answer) < _MAX_ANSWER:
                part = connection.recv(_MAX_ANSWER)
                if not part:
                    break
                answer += part
    except OSError:
        return answer
    return answer

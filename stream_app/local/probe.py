"""Asking a server whether it answers, in its own protocol but without a client library."""

import socket
import struct

# https://kafka.apache.org/protocol: size, api key 18 (ApiVersions), version 0, correlation id, client id (null).
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)


def kafka_answers(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Whether a Kafka broker answers an ApiVersions request: it does once it is ready for requests."""
    answer = _ask(host, port, _API_VERSIONS, 10, timeout_s)
    # size, the correlation id that was sent, no error
    return len(answer) == 10 and struct.unpack(">iih", answer)[1:] == (1, 0)


def redis_answers(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Whether a Redis-compatible server answers PING, be it with a demand for a password."""
    return _ask(host, port, b"PING\r\n", 7, timeout_s) in (b"+PONG\r\n", b"-NOAUTH")


def _ask(host: str, port: int, question: bytes, length: int, timeout_s: float) -> bytes:
    """The first `length` bytes of the answer; fewer where there is none in time."""
    answer = b""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(question)
            while len(answer) < length:
                part = connection.recv(length - len(answer))
                if not part:
                    break
                answer += part
    except OSError:
        return b""
    return answer

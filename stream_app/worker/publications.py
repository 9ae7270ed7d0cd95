"""A published version of the model on its way to a lane: the message in the inboxes, and the same in the lane's table.

The rule: what a lane takes up is what it read; the document travels with the message, so that a lane needs no other
topic. Its bytes are bounded before and after they are unpacked.
"""

import zlib
from typing import Final, Literal

import msgspec
import orjson

from stream_app.engine.model.load import load_model
from stream_app.engine.model.problems import ModelError
from stream_app.engine.model.types import Model
from stream_app.engine.state import NEVER
from stream_app.ingest import Refusal
from stream_app.streaming.processor import Output
from stream_app.worker.messages import KIND

MODEL: Final = "model"  # the kind of a record with a publication
MAX_DOCUMENT: Final = 512 * 1024  # bytes of a model as JSON
MAX_PACKED: Final = 256 * 1024  # bytes of the same, compressed: what a message and a table entry hold

Mode = Literal["emit", "restated", "hold"]
"""What becomes of the transitions that a version causes: sent, sent with `restated: true`, or not made public."""


class Publication(msgspec.Struct, frozen=True, array_like=True):
    """A version: the `number` in the sequence of publications (0: the file that a worker was started with).

    From `at` (ms) on it is in force. `document` is the model as JSON, compressed.
    """

    number: int
    version: str
    mode: Mode
    at: int
    document: bytes


class TooLarge(ValueError):
    """A model that fits no message."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Publication).decode


def publication(model: Model, number: int, mode: Mode, at: int = NEVER) -> Publication:
    """A model as it is published. Raises `TooLarge`."""
    text = orjson.dumps(model.document)  # in the file's order: that of its scores is that of the reports
    packed = zlib.compress(text, 9)
    if len(text) > MAX_DOCUMENT or len(packed) > MAX_PACKED:
        raise TooLarge(
            f"{model.name} is {len(text)} bytes of JSON, {len(packed)} compressed; at most {MAX_DOCUMENT} and {MAX_PACKED}"
        )
    return Publication(number, model.version, mode, at, packed)


def publication_bytes(publication: Publication) -> bytes:
    """As it lies in an inbox or a table."""
    return _encode(publication)


def publication_output(topic: str, partition: int, publication: Publication) -> Output:
    """The message to the lane that reads a partition of an inbox, in the order of the time from which it is in force."""
    headers = [(KIND, MODEL.encode())]
    return Output(topic, MODEL.encode(), _encode(publication), headers, publication.at, partition)


def read_publication(value: bytes | None) -> Publication:
    """What `publication_bytes` made. Raises `Refusal` for what no publisher wrote."""
    try:
        return _decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal("schema", f"no publication of ours: {error}") from None


def published_model(publication: Publication) -> Model:
    """The model, validated again. Raises `Refusal` for one that this program would not accept."""
    name = f"version {publication.version[:12]}"
    try:
        model = load_model(_unpacked(publication.document).decode(), name)
    except ModelError as error:
        raise Refusal("schema", f"a model that does not validate: {error.problems[0]}") from None
    except (zlib.error, ValueError) as error:
        raise Refusal("schema", f"{name} can't be read: {error}") from None
    if model.version != publication.version:
        raise Refusal("schema", f"{name} has the document of {model.version[:12]}")
    return model


def _unpacked(packed: bytes) -> bytes:
    stream = zlib.decompressobj()
    text = stream.decompress(packed[:MAX_PACKED], MAX_DOCUMENT)
    if not stream.eof or stream.unused_data:
        raise ValueError(f"it is longer than {MAX_DOCUMENT} bytes, or cut off")
    return text

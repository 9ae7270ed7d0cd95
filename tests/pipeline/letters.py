"""Dead letters to fill a system with, and `stream-app dead-letters` as a person runs it."""

import asyncio
import os
from asyncio.subprocess import PIPE, Process
from typing import Any

from aiokafka import AIOKafkaProducer

from stream_app.engine.times import parse_time
from stream_app.ingest import Refusal, parse_event
from stream_app.ingest.dead_letters import Origin, dead_letter_content
from tests.lanes.kafka_tools import read_all
from tests.lanes.process import ROOT
from tests.pipeline.desk import event
from tests.pipeline.system import COMMAND, System

START = parse_time("2026-03-02T09:20:00Z")
GOOD = event(1, START, user="ann")
_LONGEST = 60.0


async def start(system: System, *words: str, editor: str = "") -> Process:
    """`stream-app dead-letters ...`, started. Who starts it ends it: with `finish`."""
    place = ["--bootstrap", system.broker, "--prefix", system.manifest.prefix]
    environment = {**os.environ, "EDITOR": editor, "VISUAL": ""}
    return await asyncio.create_subprocess_exec(
        *COMMAND, "dead-letters", *words, *place, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=ROOT, env=environment
    )


async def finish(process: Process, stdin: bytes = b"") -> tuple[bytes, str]:
    """Wait for its end; what it wrote to both outputs."""
    try:
        async with asyncio.timeout(_LONGEST):
            out, err = await process.communicate(stdin)
    finally:
        if process.returncode is None:
            process.kill()
    return out, err.decode()


async def command(
    system: System, *words: str, code: int = 0, editor: str = "", stdin: bytes = b""
) -> tuple[bytes, str]:
    """A command that must end with `code`; what it wrote to both outputs."""
    process = await start(system, *words, editor=editor)
    out, said = await finish(process, stdin)
    assert process.returncode == code, said
    return out, said


async def refuse(system: System, values: list[bytes | None], topic: str = "web-events", **more: Any) -> list[str]:
    """Dead letters as a worker writes them, in partition 0; their places."""
    headers, home = more.get("headers", []), system.manifest[topic]
    sent = []
    async with AIOKafkaProducer(bootstrap_servers=system.broker, max_request_size=9 << 20) as producer:
        for number, value in enumerate(values):
            try:
                parse_event(value, channel=home.channel, headers=headers)
                refusal = more["why"]
            except Refusal as found:
                refusal = found
            origin = Origin(home.name, number % home.partitions, number, START + number)
            letter = dead_letter_content(refusal, origin, b"user:ann", value, headers)
            sent.append(
                await producer.send(system.topic("dead-letters"), letter.value, letter.key, 0, headers=letter.headers)
            )
        return [f"0:{(await one).offset}" for one in sent]


async def sent_again(system: System, topic: str = "web-events") -> list[Any]:
    """What lies in an event topic, as readers see it."""
    return await read_all(system.broker, system.topic(topic), system.manifest[topic].partitions)

"""`stream-app worker --shadow`: a worker for whatever is published as a shadow, one after the other."""

import asyncio
import signal
import sys
import threading
from types import FrameType
from typing import Final, NoReturn

from stream_app.cli.console import say
from stream_app.errors import KnownError
from stream_app.publishing.crew import Crew
from stream_app.publishing.side import registry_there, shadow_in
from stream_app.topics import Manifest

_AGAIN: Final = 3.0  # seconds between two looks at what is published


def work_for_shadows(broker: str, manifest: Manifest) -> NoReturn:
    """Run this very command line for the shadow that is at work, until told to stop."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    at_work: tuple[int, Crew] | None = None
    waiting = False
    try:
        while not stopping.is_set():
            try:
                registry, _ = asyncio.run(registry_there(broker, manifest))
            except KnownError as error:
                say(f"{error}; trying again")
                stopping.wait(_AGAIN)
                continue
            shadow = shadow_in(registry)
            if at_work is not None and (shadow is None or shadow.number != at_work[0]):
                say(f"generation {at_work[0]} needs no worker any more")
                at_work[1].stop()
                at_work = None
            if shadow is not None and at_work is None:
                say(f"scoring {shadow.model} {shadow.version[:12]} as generation {shadow.number}")
                at_work = shadow.number, Crew(_words(shadow.number), 1)
            elif shadow is None and not waiting:
                say("nothing is published as a shadow: waiting")
            waiting = shadow is None
            if at_work is not None:
                at_work[1].check()
            stopping.wait(_AGAIN)
    finally:
        if at_work is not None:
            at_work[1].stop()
    raise SystemExit(0)


def _words(number: int) -> list[str]:
    return [*(word for word in sys.argv[1:] if word not in ("--shadow", "--supervise")), "--side", str(number)]

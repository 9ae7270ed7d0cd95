"""The toy worker, in which every other chunk is lost on its way to its lane, as Faust loses some: `python -m tests.lanes.lossy JSON`."""

import itertools

from stream_app.streaming.chunk import Chunk
from stream_app.streaming.lanes import Lanes
from tests.lanes.worker_main import main

if __name__ == "__main__":
    numbers = itertools.count()
    offer = Lanes.offer

    def offer_or_lose(lanes: Lanes, chunk: Chunk) -> None:
        """Bring every other chunk to its lane."""
        if next(numbers) % 2:
            offer(lanes, chunk)

    Lanes.offer = offer_or_lose  # type: ignore[method-assign, assignment]
    main()

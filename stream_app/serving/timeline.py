"""A person's interactions across all channels, in event-time order, from the retained events (S033)."""

import heapq
from typing import Any

from stream_app.serving.person import Person, told
from stream_app.serving.reading import TopicReader


class Timeline:
    """The latest `limit` events of a person, each event id once; `seen` counts all of them. Memory is bounded by ids."""

    def __init__(self, person: Person, limit: int) -> None:
        self.person = person
        self.limit = limit
        self._ids: set[str] = set()
        self._latest: list[tuple[int, str, dict[str, Any]]] = []

    @property
    def seen(self) -> int:
        """How many different events there are."""
        return len(self._ids)

    def take(self, record: Any, channel: str | None) -> None:
        """Take a record of an event topic, if it is an event of the person."""
        activity = self.person.event(record, channel)
        if activity is None or activity.event_id in self._ids:
            return
        self._ids.add(activity.event_id)
        heapq.heappush(self._latest, (activity.time, activity.event_id, told(activity)))
        if len(self._latest) > self.limit:
            heapq.heappop(self._latest)

    def documents(self) -> list[dict[str, Any]]:
        """The events, by time and id, oldest first."""
        return [document for _, _, document in sorted(self._latest, key=lambda event: event[:2])]


async def timeline_of(reader: TopicReader, person: Person, limit: int) -> Timeline:
    """The timeline of a person, from every partition of every event topic."""
    timeline = Timeline(person, limit)
    channels = {topic.name: topic.channel for topic in reader.manifest.events()}
    places = [place for topic in reader.manifest.events() for place in reader.partitions(topic.base)]
    async for place, records in reader.scan(places, "reading events"):
        for record in records:
            timeline.take(record, channels[place.topic])
    return timeline

"""What must hold on the broker before a worker starts.

The rule: every topic an agent reads, and its changelog, exists and has the partition count of the settings; else keys
would lie on other partitions than their state. Refused with one line that says which topic and what to do.
"""

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from stream_app.broker import EndedError, client_options, demand_entry
from stream_app.streaming.settings import SettingsError, WorkerSettings


async def check_topics(settings: WorkerSettings) -> None:
    """Raise SettingsError where a topic is missing or has another partition count, RefusedError where we are not let in."""
    names = [name for agent in settings.agents for name in (*agent.topics, agent.changelog)]
    admin = AIOKafkaAdminClient(**client_options(settings.broker))
    try:
        await admin.start()
        described = await admin.describe_topics(names)
    except KafkaConnectionError:
        try:
            await demand_entry(settings.broker)
        except EndedError as error:
            raise KafkaConnectionError(str(error)) from None
        raise
    finally:
        await admin.close()
    counts = {topic["topic"]: len(topic["partitions"]) for topic in described if topic["error_code"] == 0}
    missing = [name for name in names if name not in counts]
    if missing:
        raise SettingsError(f"no such topic: {', '.join(missing)}; make them with: stream-app topics create")
    for name, count in counts.items():
        if count != settings.partitions:
            raise SettingsError(
                f"topic {name} has {count} partitions, not {settings.partitions}. The partition count of a running "
                f"system can't be changed: keys would lie elsewhere than their state. To migrate, make topics with the "
                f"new count, copy the events into them, and start a new app id"
            )

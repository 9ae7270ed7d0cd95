"""What must hold on the broker before a worker starts.

The rule: every topic an agent reads, and its changelog, exists and has the partition count of the settings; else keys
would lie on other partitions than their state. Refused with one line that says which topic and what to do.
"""

from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from stream_app.broker import EndedError, client_options, demand_entry
from stream_app.streaming.settings import SettingsError, WorkerSettings

_ALLOW: Final = "what a worker must be allowed is in docs/operations.md"
_GROUP, _TRANSACTION = 0, 1  # FindCoordinator's kinds of keys


async def check_topics(settings: WorkerSettings) -> None:
    """Raise SettingsError where a topic is missing or has another partition count, RefusedError where we are not let in."""
    names = [name for agent in settings.agents for name in (*agent.topics, agent.changelog)]
    admin = AIOKafkaAdminClient(**client_options(settings.broker))
    try:
        await admin.start()
        described = await admin.describe_topics(names)
        await _demand_allowed(admin, settings)
    except KafkaConnectionError:
        try:
            await demand_entry(settings.broker)
        except EndedError as error:
            raise KafkaConnectionError(str(error)) from None
        raise
    finally:
        await admin.close()
    forbidden = [one["topic"] for one in described if one["error_code"] == TopicAuthorizationFailedError.errno]
    if forbidden:
        raise SettingsError(f"this user may not see {', '.join(sorted(forbidden))}; {_ALLOW}")
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


async def _demand_allowed(admin: AIOKafkaAdminClient, settings: WorkerSettings) -> None:
    """Raise SettingsError where the group or a transactional id is forbidden: a consumer without its group would wait for ever."""
    ids = [(settings.app, _GROUP)] + [(settings.transactional_id(one.name, 0), _TRANSACTION) for one in settings.agents]
    for name, kind in ids:
        try:
            await admin.find_coordinator(name, kind)
        except (GroupAuthorizationFailedError, TransactionalIdAuthorizationFailed):
            what = "group" if kind == _GROUP else "transactional id"
            raise SettingsError(f"this user may not use the {what} {name}; {_ALLOW}") from None
        except KafkaError:
            continue  # a new broker is still making its coordinators; the lanes wait for them

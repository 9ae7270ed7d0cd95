"""What the worker says of a dead letter's record, asked again; and what a person can do about it.

The rule kept here: the parser is the worker's own, so that what `show` explains and `replay` refuses is what a worker
refused. What depends on a lead's state (too old, too many facts) only a worker can judge: those are sent, and judged anew.
"""

from stream_app.engine.activity import Activity
from stream_app.engine.identity import lead_keys
from stream_app.engine.times import format_time
from stream_app.ingest import Refusal, parse_event
from stream_app.ops.letters.letter import Letter
from stream_app.topics import Manifest, Topic
from stream_app.worker import messages

REMEDIES = {
    "not_json": "the value is no JSON: mend the text (replay --edit, or list --values and replay --fix FILE)",
    "schema": "correct the field: replay PLACE --set /field=VALUE, or --remove /field",
    "too_large": "shorten it (32 KiB): replay PLACE --remove /properties/..., or --edit",
    "no_identity": "name the lead or account: replay PLACE --set /user_id=..., /email or /account_id",
    "future": "wait until then, or correct it: replay PLACE --set /time=...; look at the producer's clock",
    "too_old": "its lead has gone on for longer than the model's lateness: replay it under a model with more of it",
    "quarantined": "its source is condemned ('stream-app quarantine --list'): --release it there first, if that was wrong",
    "too_many_facts": "the lead or account has as many facts as it may: remove some (null as value), then replay it",
}
OTHERWISE = "look at what sent it; replay sends it again as it is"


class NotSendableError(Exception):
    """A letter that no correction of its value makes an event: the message says why, in one line."""


def remedy_of(code: str) -> str:
    """What a person can do about a reason, in a line."""
    return REMEDIES.get(code, OTHERWISE)


def home_of(letter: Letter, manifest: Manifest) -> Topic:
    """The topic a letter's record came from. Raises `NotSendableError` where it is no input of this system."""
    if letter.origin is None:
        raise NotSendableError("it does not say which topic it came from: no worker wrote it")
    topic = manifest.named(letter.origin.topic)
    if topic is None or topic.kind not in ("event", "inbox"):
        raise NotSendableError("it came from a topic that is no input of this system")
    return topic


def destination_of(letter: Letter, manifest: Manifest) -> Topic:
    """The topic that a corrected record is sent to: its own.

    For a lead's event that was refused on its second hop that is the event topic it came through, so that the leads it
    names after the correction are found anew. What an account refused goes to the account again: the lead has taken it.
    """
    home = home_of(letter, manifest)
    if home.kind != "inbox" or home.reader != "lead":
        return home
    channel = messages.header(letter.headers, messages.CHANNEL)
    through = (topic for topic in manifest.events() if topic.channel == channel)
    return next(through, manifest.topic_of(channel=channel, about_account=False))


def judge(letter: Letter, value: bytes | None, manifest: Manifest, now: int) -> Activity:
    """The event that a letter's record states with this value. Raises `Refusal` as a worker does now (milliseconds).

    Raises `NotSendableError` for what cannot be an event of this system.
    """
    topic = home_of(letter, manifest)
    if letter.cut is not None and value == letter.value:
        raise NotSendableError(
            f"it is not whole, being larger than the topic takes; the record lies in {_where(letter)}"
        )
    channel = topic.channel
    if topic.kind == "inbox":
        kind = messages.header(letter.headers, messages.KIND)
        if kind not in (None, messages.EVENT):
            raise NotSendableError(f"it is a message between workers ({kind[:40]!r}), not an event")
        channel = messages.header(letter.headers, messages.CHANNEL)
    activity = parse_event(value, channel=channel, headers=letter.headers)
    if topic.kind == "inbox" and topic.reader == "account" and not _account_of(letter, activity):
        raise Refusal("no_identity", "an account event names its account in account_id", "/account_id")
    if activity.time > now:
        raise Refusal("future", f"its time {format_time(activity.time)} is in the future", "/time")
    return activity


def _account_of(letter: Letter, activity: Activity) -> bool:
    return bool(letter.key if lead_keys(activity) else activity.account_id)


def _where(letter: Letter) -> str:
    origin = letter.origin
    return f"{origin.topic} {origin.partition}:{origin.offset}" if origin is not None else "its topic"

"""Why the engine refuses an event, in words (scoring.md section 2)."""

from stream_app.engine.activity import Activity
from stream_app.engine.admission import MAX_FACT_CHARS, MAX_FACTS
from stream_app.engine.times import format_time
from stream_app.ingest.refusal import Code, Refusal


def refusal_of(code: Code, activity: Activity, of_account: bool = False) -> Refusal:
    """The refusal of an event that was read but is not taken."""
    when = format_time(activity.time)
    if code == "future":
        return Refusal(code, f"its time {when} is in the future", "/time")
    if code == "too_old":
        message = f"its time {when} is too long before the latest event of its lead or account (the model's lateness)"
        return Refusal(code, message, "/time")
    many = f"more than {MAX_FACTS} facts, or more than {MAX_FACT_CHARS} characters in them"
    return Refusal(code, f"its lead or account would have {many}", "/account_facts" if of_account else "/facts")

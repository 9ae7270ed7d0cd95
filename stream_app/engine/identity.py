"""A lead's keys (scoring.md section 7): the strongest names the lead, the others become its aliases."""

from stream_app.engine.activity import Activity


def lead_keys(activity: Activity) -> tuple[str, ...]:
    """The keys an event carries, strongest first: `user:...`, `email:...`, `anon:...`; empty for an account event."""
    keys = []
    if activity.user_id is not None:
        keys.append("user:" + activity.user_id)
    if activity.email is not None:
        keys.append("email:" + activity.email)
    if activity.anonymous_id is not None:
        keys.append("anon:" + activity.anonymous_id)
    return tuple(keys)

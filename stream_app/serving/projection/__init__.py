"""The projection: what consumers ask for, kept in a Redis-compatible server in step with the published topics.

The rule: what a slice of a partition changes and the position behind it are written together or not at all, and a slice
that does not begin at the stored position is refused. So replays, zombies, two projectors, and a server that came back
with older data all end in the same place (docs/decisions/0031-projection.md).
"""

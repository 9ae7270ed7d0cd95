"""What is remembered of a subject's activities: small, mergeable, order-free (scoring.md sections 2, 3 and 7).

A tracker is the frozen description of one thing that is counted (which activities, and what of them); its data hangs
in the subject's state under the tracker's `id`, a hash of that description, so that a new version of a model finds what
an old one counted as long as *what is counted* has not changed (section 9).

The rule kept here: `observe` and `merge` give the same data for the same set of activities in any order, and nothing
that is forgotten could ever count again (`horizon`), except past `MAX_BUCKETS`, where the oldest buckets are joined.
"""

"""`stream-app demo`: the whole system for a while, on topics of its own, with somebody to watch it."""

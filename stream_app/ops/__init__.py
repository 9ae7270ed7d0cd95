"""What keeps a running system in order: its topics, its lag, its health."""

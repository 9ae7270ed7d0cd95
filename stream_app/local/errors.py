"""What can go wrong with a local service, in words for the person at the terminal."""

from stream_app.errors import KnownError


class LocalServiceError(KnownError):
    """A local service can't be fetched, started or stopped. The message is one line and says what to do."""


class ToolMissingError(LocalServiceError):
    """A program that a service needs (Java, Maven, a binary for this platform) is not installed."""

"""The one class of errors that a person at the terminal is meant to read."""


class KnownError(Exception):
    """Wrong usage, bad input or a missing part. The message is one line that says what and where, and what to do.

    The command line prints it without a traceback and exits with 2.
    """

"""The data that trackers keep of one subject."""


class Data:
    """What one tracker knows of one subject. `last` is the time of the latest activity seen.

    `packed` is its encoded form, None since it has changed; while it is `closed`, there is nothing else.
    """

    def __init__(self) -> None:
        self.last: int = -1
        self.packed: bytes | None = None
        self.closed = False


class Buckets(Data):
    """Amounts by unit, units ascending."""

    def __init__(self) -> None:
        super().__init__()
        self.units: list[int] = []
        self.amounts: list[float] = []


class Series(Buckets):
    """One amount a unit."""


class Earliest(Buckets):
    """The activities that a limit lets count, in the order of (time, event id), each with its unit and amount.

    `skipped` is how many it has left out. An id is "" once it can matter no more, past the model's lateness.
    """

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0
        self.times: list[int] = []
        self.ids: list[str] = []


class Latest(Data):
    """The latest unit in which each value occurred."""

    def __init__(self) -> None:
        super().__init__()
        self.units: dict[str, int] = {}

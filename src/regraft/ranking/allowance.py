"""How long a ranking may take."""

from __future__ import annotations

import time
from math import inf

from regraft.trials.budget import Budget


class Allowance:
    """Time that runs from when it is made."""

    def __init__(self, minutes: float | None) -> None:
        """So many minutes; None: as long as it takes.

        Raises:
            BadArgument: they are not above 0.
        """
        given = Budget(minutes=minutes).minutes
        self.limited = given is not None
        self._end = inf if given is None else time.monotonic() + 60 * given

    @property
    def left(self) -> float:
        """Seconds."""
        return self._end - time.monotonic()

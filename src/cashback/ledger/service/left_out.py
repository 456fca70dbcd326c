"""Cashbacks that failed alone, left out for a while so that they stop no other."""

from datetime import datetime, timedelta
from typing import Final

LEFT_OUT_MAX: Final = 100
"""So many are left out at once; with one more it is no longer the cashback that is at fault."""


class LeftOut:
    """Which cashbacks one process leaves out, and until when."""

    def __init__(self) -> None:
        """Leave nobody out yet."""
        self._until: dict[str, datetime] = {}

    def at(self, now: datetime) -> list[str]:
        """Return who is left out now, and forget who no longer is."""
        self._until = {id_: until for id_, until in self._until.items() if until > now}
        return list(self._until)

    def add(self, cashback_id: str, error: Exception, *, now: datetime, lasts: timedelta) -> None:
        """Leave out for a while what failed alone with `error`.

        Raises:
            Exception: `error` itself, when too many are left out already.
        """
        if len(self._until) >= LEFT_OUT_MAX:
            raise error
        self._until[cashback_id] = now + lasts

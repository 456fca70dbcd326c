"""Time zones by their names in the IANA database: data that is the same for the life of a process."""

from functools import cache
from zoneinfo import available_timezones

_NEVER = frozenset({"localtime", "posixrules", "Factory"})
"""Names that stand for what a machine was set to, and so for another zone on each."""


@cache
def _known() -> frozenset[str]:
    """Return the names of all zones."""
    return frozenset(available_timezones()) - _NEVER


def is_zone(name: str) -> bool:
    """Tell whether there is a zone of that name, written as the database has it.

    >>> is_zone("Europe/Berlin"), is_zone("Europe/Atlantis")
    (True, False)
    """
    return name in _known()

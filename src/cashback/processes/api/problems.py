"""What there is to say of each problem: problems.toml, which says in its first lines what its members are."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec


class KnownProblem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One problem; texts have code between backquotes, and no other marks."""

    status: int
    at: tuple[str, ...] = ()
    means: str
    do: str
    again: bool = False
    members: dict[str, str] = {}

    def may_come_at(self, names: frozenset[str]) -> bool:
        """Tell whether it may come where its status is documented, at an operation that goes by these `names`."""
        return not self.at or not names.isdisjoint(self.at)


@cache
def known_problems() -> Mapping[str, KnownProblem]:
    """Return every problem that the API answers with, by its code, in the order in which they are listed."""
    told = files("cashback.processes.api").joinpath("problems.toml").read_bytes()
    return msgspec.toml.decode(told, type=dict[str, KnownProblem])

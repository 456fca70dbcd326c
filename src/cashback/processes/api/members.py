"""What members of requests and answers mean whose own struct says nothing of them: members.toml, which says how."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec


@cache
def known_members() -> Mapping[str, Mapping[str, str]]:
    """Return what members mean by their names: under `all`, and under the name of a schema what goes before that."""
    told = files("cashback.processes.api").joinpath("members.toml").read_bytes()
    return msgspec.toml.decode(told, type=dict[str, dict[str, str]])

"""Counting what several endpoints say: a value counts once so many of them tell the same.

Told      decoded, so that hexadecimal case and extra members of a client make no difference; null is a value here
Refused   the node's own error; with `revert` it is an executed call's result, and counts as a value
Silent    no usable answer, or one about something that the endpoint does not have
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from cashback.chain.gateway.endpoint import Endpoint
from cashback.chain.gateway.jsonrpc import EndpointRefused
from cashback.chain.model import ChainUnavailable

T = TypeVar("T")


class Told(msgspec.Struct, Generic[T], frozen=True):
    """What an endpoint told, decoded."""

    value: T


class Refused(msgspec.Struct, frozen=True):
    """An endpoint's error."""

    refusal: EndpointRefused


class Silent(msgspec.Struct, frozen=True):
    """Why an endpoint gave no answer to what was asked."""

    silence: ChainUnavailable


Vote: TypeAlias = Told[T] | Refused | Silent


class Ballot(msgspec.Struct, Generic[T], frozen=True):
    """One endpoint's vote."""

    endpoint: Endpoint
    vote: Vote[T]


class QuorumMissing(ChainUnavailable):
    """Too few endpoints tell the same; how many said nothing, refused, or told something."""

    code = "quorum_missing"

    def __init__(self, ballots: Sequence[Ballot[Any]], quorum: int) -> None:
        """Name every endpoint with what it said."""
        said = ", ".join(f"{one.endpoint.name} {_words(one.vote)}" for one in ballots)
        super().__init__(f"{quorum} endpoints must tell the same: {said}")
        self.refusals = sum(isinstance(one.vote, Refused) for one in ballots)
        self.silences = sum(isinstance(one.vote, Silent) for one in ballots)
        self.is_disagreement = len(ballots) - self.silences >= quorum


def told(ballots: Sequence[Ballot[T]]) -> list[T]:
    """Return the values that were told, in the order in which they came."""
    return [one.vote.value for one in ballots if isinstance(one.vote, Told)]


def quorate(ballots: Sequence[Ballot[T]], quorum: int, key: Callable[[T], object]) -> list[Ballot[T]]:
    """Return the ballots that say the same, once there are `quorum` of them; none before.

    Calls that were executed and reverted say the same when their revert data do; other refusals say nothing.
    """
    for one in ballots:
        same = [other for other in ballots if is_same(one.vote, other.vote, key)]
        if len(same) >= quorum:
            return same
    return []


def vouched(numbers: Sequence[int], quorum: int) -> int:
    """Return the highest number that at least `quorum` endpoints have reached.

    >>> vouched([7, 9, 8], 2)
    8
    """
    return sorted(numbers, reverse=True)[quorum - 1]


def is_same(one: Vote[T], other: Vote[T], key: Callable[[T], object]) -> bool:
    """Tell whether two votes are for the same value."""
    match one, other:
        case Told(value), Told(another):
            return key(value) == key(another)
        case Refused(refusal), Refused(another_refusal):
            return refusal.revert is not None and refusal.revert == another_refusal.revert
        case _:
            return False


def _words(vote: Vote[Any]) -> str:
    """Return what a vote was, for people."""
    match vote:
        case Told():
            return "tells something of its own"
        case Refused(refusal):
            return f"refuses ({refusal.detail})"
        case Silent(silence):
            return f"is silent ({silence.detail})"

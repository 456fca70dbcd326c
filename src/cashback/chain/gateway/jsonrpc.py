"""JSON-RPC answers as nodes, and what stands in front of them, write them."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from cashback.chain.model import ChainUnavailable


class Error(msgspec.Struct, frozen=True):
    """A JSON-RPC error; nodes disagree about the types of its members."""

    code: Any = None
    message: Any = None
    data: Any = None


class Answer(msgspec.Struct, frozen=True):
    """One JSON-RPC answer: a result, which may be null, or an error; some nodes write the other one as null."""

    id: int | None = None
    result: Any = msgspec.UNSET
    error: Error | None = None

    def is_to(self, requests: int) -> bool:
        """Tell whether this answers one of so many requests, with a result or an error; an error may lack the id."""
        if self.error is None:
            return self.result is not msgspec.UNSET and self.id in range(requests)
        return (self.result is msgspec.UNSET or self.result is None) and (self.id is None or self.id in range(requests))


_REVERTED: Final = "Reverted "
"""What nethermind writes before the data."""

_answers: Final = msgspec.json.Decoder(Answer | list[Answer])


class EndpointSilent(ChainUnavailable):
    """The endpoint gave no usable answer: it is down, slow, limiting us, or serves another chain."""

    code = "endpoint_silent"


class EndpointRefused(ChainUnavailable):
    """The endpoint answered with a JSON-RPC error, in its own words; `revert` is the data of a reverted call."""

    code = "endpoint_refused"

    def __init__(self, problem: str, *, revert: bytes | None = None) -> None:
        """Carry the node's words, and the revert data where the call was executed and reverted."""
        super().__init__(problem)
        self.revert = revert

    def afresh(self) -> "EndpointRefused":
        """Return the same, with what was reverted."""
        return EndpointRefused(self.detail, revert=self.revert)


def said(text: bytes, status: int) -> list[Answer]:
    """Return the answers in a response's body.

    Raises:
        ValueError: there are none; gateways and limiters in front of nodes say such things, also in JSON.
    """
    if status == HTTPStatus.TOO_MANY_REQUESTS or not text.startswith((b"{", b"[")):
        raise ValueError(f"HTTP {status}")
    try:
        said = _answers.decode(text)
    except msgspec.DecodeError as cause:
        raise ValueError(f"HTTP {status}, and no JSON-RPC: {cause}") from cause
    return said if isinstance(said, list) else [said]


def results(answers: Sequence[Answer], *, requests: int, status: int) -> list[Any]:
    """Return the results and refusals in the order of the requests; nodes may answer a batch in any order.

    Raises:
        EndpointRefused: one error stands for the whole batch, or comes with a status of failure.
        ValueError: these are not the answers to so many requests.
    """
    ordered = sorted(answers, key=lambda answer: -1 if answer.id is None else answer.id)
    if any(not answer.is_to(requests) for answer in ordered):
        raise ValueError(f"HTTP {status}, and no answer to what was asked")
    error = next((answer.error for answer in ordered if answer.error is not None), None)
    is_whole = [answer.id for answer in ordered] == list(range(requests))
    if error is not None and not (is_whole and status == HTTPStatus.OK):
        raise _refusal(error, status)
    if status != HTTPStatus.OK:
        raise ValueError(f"HTTP {status}")
    if not is_whole:
        raise ValueError(f"{requests} requests got {len(ordered)} answers, or one of them twice")
    return [answer.result if answer.error is None else _refusal(answer.error, status) for answer in ordered]


def _refusal(error: Error, status: int) -> EndpointRefused:
    """Return an answer's error in the node's words, with the HTTP status where that is one of failure."""
    problem = f"{error.code}: {error.message}"
    words = problem if status == HTTPStatus.OK else f"HTTP {status}: {problem}"
    return EndpointRefused(words, revert=_revert_of(error.data))


def _revert_of(data: object) -> bytes | None:
    """Return the revert data of an executed call; nodes wrap it differently, or leave it out."""
    nested = data.get("data") if isinstance(data, dict) else data
    if not isinstance(nested, str) or not nested.removeprefix(_REVERTED).startswith("0x"):
        return None
    try:
        return bytes.fromhex(nested.removeprefix(_REVERTED).removeprefix("0x"))
    except ValueError:
        return None

"""Asking about one branch of the chain: only endpoints count that have its newest block.

Who is behind, or on a branch that is dead, would answer for another chain than the one that block ends; and how far
that is final would be taken for how far this one is.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from cashback.chain.gateway import decoding
from cashback.chain.gateway.endpoint import Request
from cashback.chain.gateway.node import Node
from cashback.chain.model import ChainUnavailable, Header

T = TypeVar("T")


def header_at(number: int) -> Request:
    """Return the question for the canonical block at a height."""
    return ("eth_getBlockByNumber", [hex(number), False])


async def agree_on_branch(
    node: Node, requests: Sequence[Request], decode: Callable[[list[Any]], T], *, under: Header | None
) -> T:
    """Return what a quorum tells about `requests`, decoded; of those alone that have the block `under`, if given.

    Raises:
        ChainUnavailable: too few of them tell the same.
    """
    if under is None:
        return (await node.agree(requests, decode))[0]
    return (await node.agree([*requests, header_at(under.number)], _if_there(under, decode)))[0]


def _if_there(head: Header, decode: Callable[[list[Any]], T]) -> Callable[[list[Any]], T]:
    """Return `decode` for answers of which the last one shows whether that endpoint has the block `head`.

    What it returns raises `ChainUnavailable` for an endpoint that has another block there, or none.
    """

    def decode_there(answers: list[Any]) -> T:
        """Return what was told, if it is about the branch of `head`."""
        *told, top = answers
        if decoding.header(top).hash != head.hash:
            raise ChainUnavailable(f"another block {head.number} than the one whose branch was asked about")
        return decode(told)

    return decode_there

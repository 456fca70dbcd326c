"""Contracts that speak for an account (ERC-1271), asked whether they take a signature for their own.

Who answers is a stranger's code. What it may use up is bounded; each endpoint runs it on the same block, as called by
the same sender; and since it may still tell one node this and another that (clients differ in what they let a call
see), answers are counted here and held against no endpoint: it would be a way to have a good one called a liar. Nor is
it held against one that it is slow at that code, or silent: it would be a way to take it from those who mint.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from cashback.chain.gateway.decoding import octets
from cashback.chain.gateway.endpoint import Request
from cashback.chain.gateway.heads import HeadsOfChain
from cashback.chain.gateway.jsonrpc import EndpointRefused
from cashback.chain.gateway.node import Node
from cashback.chain.gateway.trials import outcome_of
from cashback.chain.model import ZERO_ADDRESS, Address, ChainUnavailable

GAS_MAX: Final = 5_000_000
"""What a contract may use up for its answer: passkeys in plain Solidity use a tenth, nodes are done with it in time."""
CONTRACT_WITHIN_S: Final = 1.2
"""How long an endpoint has for a contract; it answers others meanwhile."""
WITHIN_S: Final = 1.7
"""How long all of it may take: less than whoever proves waits, so that they hear why (the ledger's deadline is 2 s)."""

_SELECTOR: Final = bytes.fromhex("1626ba7e")
"""Of `isValidSignature(bytes32,bytes)`, and what it answers where it takes the signature."""
_WORD_BYTES: Final = 32
_TAKEN: Final = _SELECTOR.ljust(_WORD_BYTES, b"\0")
_SIGNATURE_AT: Final = (2 * _WORD_BYTES).to_bytes(_WORD_BYTES)


class WalletContracts:
    """The contracts at people's addresses, as a quorum of endpoints runs them."""

    def __init__(self, node: Node) -> None:
        """Ask through `node`."""
        self._node = node
        self._heads = HeadsOfChain(node)

    async def take(self, account: Address, digest: bytes, signature: bytes) -> tuple[bool, int]:
        """Return whether the code at `account` takes a signature for its own, and the newest block, where it was asked.

        It does not where there is no code, where it reverts or uses up its gas, and where it answers anything else.

        Raises:
            ChainUnavailable: no quorum of endpoints says the same of it, or of the newest block, within `WITHIN_S`.
        """
        try:
            async with asyncio.timeout(WITHIN_S):
                return await self._told(account, _calldata(digest, signature))
        except TimeoutError as cause:
            detail = f"no quorum of endpoints has told of the contract at 0x{account.hex()} within {WITHIN_S:g} s"
            raise ChainUnavailable(detail) from cause

    async def _told(self, account: Address, calldata: bytes) -> tuple[bool, int]:
        """Return what a quorum tells, and the newest block, where it was asked."""
        head = await self._heads.latest()
        told = await self._node.survey(
            [_request(account, calldata, block=head.number)],
            _is_taken,
            is_enough=lambda told: self._agreed(told) is not None,
            strangers_within_s=CONTRACT_WITHIN_S,
        )
        is_taken = self._agreed(told)
        if is_taken is None:
            raise ChainUnavailable(f"endpoints tell different things of the contract at 0x{account.hex()}")
        return is_taken, head.number

    def _agreed(self, told: Sequence[bool]) -> bool | None:
        """Return what a quorum tells, None while there is none."""
        return next((one for one in (False, True) if told.count(one) >= self._node.quorum), None)


def _calldata(digest: bytes, signature: bytes) -> bytes:
    """Return the call: the digest as a word, and the signature as a tail of whole words with its length before it."""
    padding = bytes(-len(signature) % _WORD_BYTES)
    return _SELECTOR + digest + _SIGNATURE_AT + len(signature).to_bytes(_WORD_BYTES) + signature + padding


def _request(account: Address, calldata: bytes, *, block: int) -> Request:
    """Return the question; without a sender of ours each client would take one of its own."""
    given = {
        "from": f"0x{ZERO_ADDRESS.hex()}",
        "to": f"0x{account.hex()}",
        "data": f"0x{calldata.hex()}",
        "gas": hex(GAS_MAX),
    }
    return ("eth_call", [given, hex(block)])


def _is_taken(answers: list[Any]) -> bool:
    """Tell whether one endpoint says that the signature is taken: the one word and nothing else, as the ABI has it.

    Raises:
        EndpointRefused: it does not say, its error is about something else than the contract.
    """
    [answer] = answers
    if isinstance(answer, EndpointRefused):
        outcome_of(answer)
        return False
    return octets(answer) == _TAKEN

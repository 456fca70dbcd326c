"""Asks the blockchain adapter what stands on the chain; a short deadline, and never inside a transaction."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from grpclib.client import Channel
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from cashback.kernel.db import forbid_in_transaction
from cashback.kernel.money import TokenUnits
from cashback.kernel.unreached import why_unanswered
from cashback.ledger.gateway import anchors, answers, signatures
from cashback.ledger.model import (
    AdapterUnavailable,
    AdapterUnintelligible,
    ChainAnchor,
    ChainBalance,
    ChainColumns,
    ChainLogs,
    ChainStatus,
    ChainUnavailable,
    JudgedSignature,
    LatestAnchors,
    LiveMint,
)
from cashback.wire.answers import AnswerCodec, ReasonCodec, Unintelligible, reason_of, understood
from cashback.wire.cashback.chain.v1 import (
    AnchorRequest,
    ChainAdapterServiceStub,
    ChainAnchorServiceStub,
    GetBalancesRequest,
    GetMintsRequest,
    GetStatusRequest,
    LatestAnchorRequest,
    ListMintLogsRequest,
    NumberTeller,
    TellNumberRequest,
)

DEADLINE_S: Final = 0.5
"""How long an answer for a person may take; after it the ledger's own figure is shown, marked stale."""

LIMIT_DEADLINE_S: Final = 2.0
"""How long whoever starts, or starts a programme, waits for what is minted at once."""

ANCHOR_DEADLINE_S: Final = 2.0
"""How long the worker that publishes evidence waits for the adapter to take it."""

SIGNATURE_DEADLINE_S: Final = 2.0
"""How long whoever proves to hold a wallet waits; the adapter gives its nodes less, and can still tell of them."""

AUDIT_DEADLINE_S: Final = 30.0
"""How long a reading for a comparison may take."""

CHAIN_FAILURES: Final = frozenset({"chain_unavailable", "endpoint_refused", "endpoint_silent", "quorum_missing"})
"""The adapter's codes for nodes that gave it no usable answer."""


class Adapter:
    """The blockchain adapter as the ledger's readers see it."""

    def __init__(self, channel: Channel) -> None:
        """Ask over `channel`, which connects by itself and again after each loss."""
        self._stub = ChainAdapterServiceStub(channel)
        self._anchoring = ChainAnchorServiceStub(channel)

    @classmethod
    @asynccontextmanager
    async def open(cls, address: str, *, tls: ssl.SSLContext | None = None) -> AsyncIterator["Adapter"]:
        """Yield an adapter at `host:port`; it need not be up yet. Without `tls` in plain text."""
        host, _, port = address.rpartition(":")
        channel = Channel(host, int(port), codec=AnswerCodec(), status_details_codec=ReasonCodec(), ssl=tls)
        try:
            yield cls(channel)
        finally:
            channel.close()

    async def balance(self, address: str) -> ChainBalance:
        """Return what `address` holds on the chain.

        Raises:
            AdapterUnavailable: no intelligible answer within the deadline.
        """
        request = GetBalancesRequest(addresses=[bytes.fromhex(address.removeprefix("0x"))])
        async with _deadline("GetBalances"):
            answer = await self._stub.get_balances(request, timeout=DEADLINE_S)
            with understood():
                [units] = answer.balances
                return ChainBalance(
                    token_units=answers.digits(units),
                    block_number=int(answer.block_number),
                    block_hash=answers.hash_of(answer.block_hash),
                )

    async def mints(self, numbers: Sequence[int]) -> dict[int, LiveMint]:
        """Return the live state of the mints under `numbers` (at most 1,000), by number.

        Raises:
            AdapterUnavailable: no intelligible answer within the deadline.
        """
        request = GetMintsRequest(numbers=list(numbers))
        async with _deadline("GetMints"):
            answer = await self._stub.get_mints(request, timeout=DEADLINE_S)
            with understood():
                return {entry.number: answers.live(entry) for entry in answer.entries}

    async def mint_logs(self, *, from_block: int, to_block: int = 0) -> ChainLogs:
        """Return the mint logs from a block on, as many blocks as the adapter covers in one answer.

        The question ends at `to_block`; 0 means the last final block. Ask on from the block after `covered_to_block`,
        to the `at_block` of the first answer; the figures burned add up.

        Raises:
            AdapterUnavailable: no intelligible answer within the deadline.
        """
        request = ListMintLogsRequest(from_block=from_block, to_block=to_block)
        async with _deadline("ListMintLogs", AUDIT_DEADLINE_S):
            answer = await self._stub.list_mint_logs(request, timeout=AUDIT_DEADLINE_S)
            with understood():
                return answers.logs(answer)

    async def mint_columns(self, *, from_block: int, to_block: int = 0) -> ChainColumns:
        """Return what `mint_logs` does, as columns: a tenth of the work, for who reads all there is.

        Raises:
            AdapterUnavailable: no intelligible answer within the deadline.
        """
        request = ListMintLogsRequest(from_block=from_block, to_block=to_block, is_packed=True)
        async with _deadline("ListMintLogs", AUDIT_DEADLINE_S):
            answer = await self._stub.list_mint_logs(request, timeout=AUDIT_DEADLINE_S)
            with understood():
                return answers.columns(answer)

    async def tell_number(self, number: int) -> None:
        """Tell the highest number that the ledger has given out, because it is lower than what the adapter knows.

        The adapter compares for itself, and halts minting when that is so.

        Raises:
            AdapterUnavailable: no intelligible answer within the deadline.
        """
        request = TellNumberRequest(teller=NumberTeller.LEDGER, number=number)
        async with _deadline("TellNumber", AUDIT_DEADLINE_S):
            await self._stub.tell_number(request, timeout=AUDIT_DEADLINE_S)

    async def status(self) -> ChainStatus:
        """Return how the adapter stands.

        Raises:
            AdapterUnavailable: no intelligible answer within the deadline.
        """
        async with _deadline("GetStatus", AUDIT_DEADLINE_S):
            answer = await self._stub.get_status(GetStatusRequest(), timeout=AUDIT_DEADLINE_S)
            with understood():
                return answers.status(answer)

    async def mint_limit(self) -> TokenUnits | None:
        """Return the most base units that the minter mints at once, None when no node tells.

        Raises:
            AdapterUnavailable: no intelligible answer within the deadline.
        """
        async with _deadline("GetStatus", LIMIT_DEADLINE_S):
            answer = await self._stub.get_status(GetStatusRequest(), timeout=LIMIT_DEADLINE_S)
            with understood():
                return answers.status(answer).limit

    async def anchor(self, root: bytes, up_to: int) -> ChainAnchor:
        """Have `root`, which commits to the ledger up to and including `up_to`, published; return how far it is.

        Safe to repeat: a known one is only told, and tried again where it was held.

        Raises:
            AnchorRefused: another root is known for the place, one further on is, or this caller may not.
            AdapterUnavailable: no intelligible answer within the deadline; it may be accepted or not.
        """
        request = AnchorRequest(root=root, up_to=up_to)
        async with _deadline("Anchor", ANCHOR_DEADLINE_S):
            with anchors.refusals():
                answer = await self._anchoring.anchor(request, timeout=ANCHOR_DEADLINE_S)
            with understood():
                return anchors.anchor(answer.anchor)

    async def latest_anchor(self) -> LatestAnchors:
        """Return the newest anchor, and the newest that is final; the chain's, also of before the adapter's database.

        Raises:
            AdapterUnavailable: no intelligible answer within the deadline.
        """
        async with _deadline("LatestAnchor", ANCHOR_DEADLINE_S):
            answer = await self._stub.latest_anchor(LatestAnchorRequest(), timeout=ANCHOR_DEADLINE_S)
            with understood():
                return anchors.latest(answer)

    async def verify_signature(self, address: str, digest: bytes, signature: bytes) -> JudgedSignature:
        """Return whether `address` has signed `digest`, 32 bytes, by its key or by the contract that stands there.

        Raises:
            SignatureMisshapen: one of the three is not what it is called, or longer than it may be; no verdict either.
            AdapterUnavailable: no intelligible answer within the deadline; that says nothing of the signature.
        """
        request = signatures.question(address, digest, signature)
        async with _deadline("VerifySignature", SIGNATURE_DEADLINE_S):
            with signatures.refusals():
                answer = await self._stub.verify_signature(request, timeout=SIGNATURE_DEADLINE_S)
            with understood():
                return signatures.judged(answer)


@asynccontextmanager
async def _deadline(call: str, within_s: float = DEADLINE_S) -> AsyncIterator[None]:
    """Bound a call, its connecting included, and turn every way in which the world fails into one error."""
    forbid_in_transaction(call)
    try:
        async with asyncio.timeout(within_s):
            yield
    except GRPCError as cause:
        raise _failure(call, cause) from cause
    except (ProtocolError, StreamTerminatedError, OSError) as cause:
        why = why_unanswered(cause, ended=StreamTerminatedError)
        raise AdapterUnavailable(f"{call}: the blockchain adapter did not answer: {why}") from cause
    except Unintelligible as cause:
        raise AdapterUnintelligible(f"{call}: the blockchain adapter answered nonsense ({cause})") from cause


def _failure(call: str, status: GRPCError) -> AdapterUnavailable:
    """Return what a status that is not OK means; it is an answer of the adapter, who may tell that the node failed."""
    said = f"{call}: {status.message}" if status.message else call
    if reason_of(status) in CHAIN_FAILURES:
        return ChainUnavailable(f"the blockchain adapter answered, but no node of the chain did as it should ({said})")
    return AdapterUnavailable(f"the blockchain adapter answered {status.status.name} ({said})")

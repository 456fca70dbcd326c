"""What this adapter tells of itself: lanes, endpoints, contracts and heads, each asked within a bound."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

import msgspec

from cashback.chain.gateway.endpoint import Endpoint
from cashback.chain.model import Allowance, Halt, Header, KnownNumber, Lane, LatestAnchors, Network, Standing
from cashback.chain.rules.gas_money import GasLimits
from cashback.kernel.errors import Unavailable

ENDPOINT_ANSWERS_WITHIN_S: Final = 1.0
"""How long the state of this adapter waits for each endpoint; all are asked at the same time."""
CHAIN_ANSWERS_WITHIN_S: Final = 1.5
"""How long it waits then for what the chain says of supply, signers, contracts and heads."""

T = TypeVar("T")


class LaneStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One lane in our records and on the chain."""

    lane: Lane
    mined_nonce: int
    pending_nonce: int
    final_nonce: int
    gas_money_wei: int


class EndpointStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint as it last showed itself; `lag` is how many blocks it is behind what a quorum agrees on."""

    name: str
    is_healthy: bool
    head: int
    lag: int
    problem: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """This adapter at one moment; what the chain did not tell just now is None."""

    network: Network
    known: KnownNumber
    halts: list[Halt]
    anchors: LatestAnchors
    head: int
    total_supply: int | None
    allowance: Allowance | None
    gas: GasLimits
    lanes: list[LaneStatus]
    endpoints: list[EndpointStatus]
    accepted_waiting: int
    held: int
    held_numbers: list[int]
    standing: Standing | None
    newest: Header | None
    final: Header | None


async def endpoint_status(endpoint: Endpoint) -> EndpointStatus:
    """Ask one endpoint for its head, and tell how it is."""
    try:
        [number] = await endpoint.ask([("eth_blockNumber", [])], within_s=ENDPOINT_ANSWERS_WITHIN_S)
    except Unavailable as failure:
        problem = endpoint.problem or failure.detail
        return EndpointStatus(name=endpoint.name, is_healthy=False, head=0, lag=0, problem=problem)
    fault = endpoint.standing.fault
    return EndpointStatus(
        name=endpoint.name, is_healthy=not fault, head=int(number, 16), lag=endpoint.standing.lag, problem=fault
    )


async def told(answer: Awaitable[T]) -> T | None:
    """Return what the chain answers, None when it does not in time for the state of this adapter."""
    try:
        async with asyncio.timeout(CHAIN_ANSWERS_WITHIN_S):
            return await answer
    except (Unavailable, TimeoutError):
        return None

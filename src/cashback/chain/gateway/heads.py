"""The newest, the safe and the final block as a quorum of endpoints shows them.

    each endpoint's own heads ──▶ the highest number that a quorum has reached ──▶ the block there that a quorum has

Endpoints see a block one after the other, so their heads differ most of the time and nobody lies. One that is far ahead
or far behind moves nothing, since a quorum must have got there; one on a fork finds no quorum for its block.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from prometheus_client import Gauge

from cashback.chain.gateway.decoding import header
from cashback.chain.gateway.endpoint import Endpoint, Request
from cashback.chain.gateway.jsonrpc import EndpointRefused
from cashback.chain.gateway.node import Node
from cashback.chain.gateway.quorum import vouched
from cashback.chain.model import Header, Heads
from cashback.kernel.clock import SystemClock

_METHOD: Final = "eth_getBlockByNumber"

AGREED_AT: Final = Gauge(
    "cashback_chain_agreed_timestamp_seconds", "When a quorum of the nodes last had the same newest block."
)


class _Shown(msgspec.Struct, frozen=True):
    """What one endpoint shows: its newest block, and that of each other tag; None where it knows no such block yet."""

    latest: Header
    tagged: list[Header | None]


class HeadsOfChain:
    """Where the chain is, for those who read it through one node."""

    def __init__(self, node: Node) -> None:
        """Ask the endpoints of `node`."""
        self._node = node
        self._agreed: Header | None = None
        self._clock = SystemClock()

    async def latest(self) -> Header:
        """Return the newest block that a quorum has.

        Raises:
            ChainUnavailable: no quorum has the same one.
        """
        latest, _ = await self._at([])
        return latest

    async def heads(self) -> Heads:
        """Return the newest, the safe and the final block that a quorum has, all asked in one exchange.

        A tag that too few endpoints know yet is None.

        Raises:
            ChainUnavailable: as `latest`.
        """
        latest, (safe, final) = await self._at(["safe", "finalized"])
        return Heads(latest, safe, final)

    async def _at(self, tags: Sequence[str]) -> tuple[Header, list[Header | None]]:
        """Return the newest block and that of each other tag that a quorum has."""
        agreed: list[Header] = []
        early: list[tuple[Endpoint, Header]] = []

        def note(endpoint: Endpoint, one: _Shown) -> None:
            """Note how far one endpoint is, and hold its block against the agreed one, now or once there is one."""
            endpoint.standing.showed(one.latest.number)
            if agreed:
                self._judge(endpoint, one.latest, agreed[0])
            else:
                early.append((endpoint, one.latest))

        shown = await self._node.survey(
            [(_METHOD, [tag, False]) for tag in ("latest", *tags)],
            _shown,
            # Whoever is quick and stale must not take the head back: then the others are heard first.
            is_enough=lambda so_far: self._agreed is None or _number(so_far, self._node) >= self._agreed.number,
            note=note,
        )
        latest = await self._block(_number(shown, self._node), [one.latest for one in shown])
        self._agreed = latest
        AGREED_AT.set(self._clock.now().timestamp())
        agreed.append(latest)
        for endpoint, block in early:
            self._judge(endpoint, block, latest)
        if self._node.quorum > 1:
            for endpoint in self._node.endpoints:
                endpoint.standing.measure(latest.number)
        return latest, [await self._tagged([one.tagged[place] for one in shown]) for place in range(len(tags))]

    async def _tagged(self, shown: Sequence[Header | None]) -> Header | None:
        """Return the block of one tag that a quorum has, None while too few know any."""
        known = [one for one in shown if one is not None]
        if len(known) < self._node.quorum:
            return None
        return await self._block(vouched([one.number for one in known], self._node.quorum), known)

    async def _block(self, number: int, shown: Sequence[Header]) -> Header:
        """Return the block at a height that a quorum has, asking for it only when what was shown does not tell."""
        there = [one for one in shown if one.number == number]
        if len(there) >= self._node.quorum and all(one == there[0] for one in there):
            return there[0]
        request: Request = (_METHOD, [hex(number), False])
        agreed = await self._node.agree([request], lambda blocks: header(blocks[0]))
        return agreed[0]

    def _judge(self, endpoint: Endpoint, block: Header, agreed: Header) -> None:
        """Hold one endpoint's newest block against the one that a quorum has at its height."""
        if self._node.quorum == 1 or block.number != agreed.number:
            return
        if block == agreed:
            endpoint.standing.agreed(_METHOD)
        else:
            endpoint.standing.contradicted(_METHOD)


def _shown(answers: list[Any]) -> _Shown:
    """Return what one endpoint shows; a tag that it does not know is an error of geth's and null elsewhere.

    Raises:
        EndpointRefused: it does not even tell its newest block.
        ChainUnavailable: it has none.
    """
    latest, *tagged = answers
    if isinstance(latest, EndpointRefused):
        raise latest
    known = [None if block is None or isinstance(block, EndpointRefused) else header(block) for block in tagged]
    return _Shown(header(latest), known)


def _number(shown: Sequence[_Shown], node: Node) -> int:
    """Return the highest block that a quorum of endpoints has reached."""
    return vouched([one.latest.number for one in shown], node.quorum)

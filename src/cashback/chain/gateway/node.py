"""Several endpoints as one node: reads go to the first healthy one and on to the next, sends go to all."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from cashback.chain.gateway.endpoint import Endpoint, EndpointRefused, EndpointSilent, Request
from cashback.chain.model import ChainUnavailable, NodeAnswer

_STRAGGLERS_MAX: Final = 64


class Node:
    """The chain as this process reaches it; every method may be called at any time, and again."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        """Wrap at least one endpoint, in the order of preference."""
        self.endpoints = tuple(endpoints)
        self._stragglers: set[asyncio.Task[NodeAnswer]] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, urls: Sequence[str], *, chain_id: int, timeout_s: float) -> AsyncIterator["Node"]:
        """Yield the node behind `urls`; endpoints that are down are no error here."""
        node = cls(
            [Endpoint(url, place=place, chain_id=chain_id, timeout_s=timeout_s) for place, url in enumerate(urls)]
        )
        try:
            yield node
        finally:
            await node.close()

    async def ask(self, requests: Sequence[Request]) -> list[Any]:
        """Return the results of `requests` from the first endpoint that answers all of them.

        Raises:
            EndpointRefused: the call was executed and reverted, or every endpoint that answered refused it.
            ChainUnavailable: no endpoint answered.
        """
        failure: ChainUnavailable = ChainUnavailable("no endpoint is configured")
        for endpoint in self._by_health():
            try:
                return await endpoint.ask(requests)
            except EndpointRefused as refusal:
                if refusal.revert is not None:
                    raise
                # It may lag behind or have pruned what another one still has.
                failure = refusal
            except EndpointSilent as silence:
                failure = failure if isinstance(failure, EndpointRefused) else silence
        raise failure

    async def poll(self, requests: Sequence[Request]) -> list[list[Any]]:
        """Return the results of `requests` from every endpoint that answers them; those that do not are left out."""
        told = await asyncio.gather(*(_told(endpoint, requests) for endpoint in self.endpoints))
        return [results for results in told if results is not None]

    async def send(self, raw: bytes) -> list[NodeAnswer]:
        """Offer a signed transaction to every endpoint; return the answers given until the first acceptance.

        Slower endpoints go on by themselves: the more pools hold it the better. Never raises for a refusal or silence:
        both are answers.
        """
        offers = {asyncio.create_task(_offer(endpoint, raw)) for endpoint in self.endpoints}
        answers: list[NodeAnswer] = []
        waiting = offers
        while waiting and not any(answer.is_accepted for answer in answers):
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            answers += [offer.result() for offer in done]
        self._leave(waiting)
        return answers

    async def close(self) -> None:
        """Close every endpoint's connections."""
        for straggler in self._stragglers:
            straggler.cancel()
        await asyncio.gather(*self._stragglers, return_exceptions=True)
        for endpoint in self.endpoints:
            await endpoint.close()

    def _by_health(self) -> list[Endpoint]:
        """Return the healthy endpoints in the order of preference, then the others: a last resort is one too."""
        return sorted(self.endpoints, key=lambda endpoint: not endpoint.is_healthy)

    def _leave(self, offers: set[asyncio.Task[NodeAnswer]]) -> None:
        """Let slow offers end by themselves, within bounds."""
        for offer in offers:
            if len(self._stragglers) >= _STRAGGLERS_MAX:
                offer.cancel()
                continue
            self._stragglers.add(offer)
            offer.add_done_callback(self._stragglers.discard)


async def _told(endpoint: Endpoint, requests: Sequence[Request]) -> list[Any] | None:
    """Return what one endpoint answers, None when it refuses or is silent."""
    try:
        return await endpoint.ask(requests)
    except (EndpointRefused, EndpointSilent):
        return None


async def _offer(endpoint: Endpoint, raw: bytes) -> NodeAnswer:
    """Return what one endpoint says to a signed transaction."""
    try:
        await endpoint.ask([("eth_sendRawTransaction", [f"0x{raw.hex()}"])])
    except EndpointRefused as refusal:
        return NodeAnswer(endpoint.name, is_accepted=False, problem=refusal.detail)
    except EndpointSilent as silence:
        return NodeAnswer(endpoint.name, is_accepted=False, problem=silence.detail, is_answered=False)
    return NodeAnswer(endpoint.name, is_accepted=True)

"""Several endpoints as one node.

agree    what decides money: asked of all at once, believed when a quorum tells the same
survey   what differs by nature from one to the next: what each of them tells
ask      the rest: the first healthy one, then the next
send     to all; any acceptance counts
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from cashback.chain.gateway.endpoint import LAG_BLOCKS_MAX, Endpoint, Request
from cashback.chain.gateway.jsonrpc import EndpointRefused, EndpointSilent
from cashback.chain.gateway.polling import Polling
from cashback.chain.gateway.quorum import Ballot, QuorumMissing, Refused, Silent, Told, is_same, quorate, told
from cashback.chain.model import ChainUnavailable, NodeAnswer, WrongChain
from cashback.kernel.failpoints import reach

T = TypeVar("T")


class Node:
    """The chain as this process reaches it; every method may be called at any time, and again."""

    def __init__(self, endpoints: Sequence[Endpoint], *, quorum: int = 1) -> None:
        """Wrap at least one endpoint, in the order of preference; `quorum` of them decide what decides money."""
        self.endpoints = tuple(endpoints)
        self.quorum = quorum
        self._polling = Polling(endpoints, quorum=quorum)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, urls: Sequence[str], *, chain_id: int, timeout_s: float, quorum: int = 1, lag_max: int = LAG_BLOCKS_MAX
    ) -> AsyncIterator["Node"]:
        """Yield the node behind `urls`; endpoints that are down are no error here."""
        endpoints = [
            Endpoint(url, place=place, chain_id=chain_id, timeout_s=timeout_s, lag_max=lag_max)
            for place, url in enumerate(urls)
        ]
        node = cls(endpoints, quorum=quorum)
        try:
            yield node
        finally:
            await node.close()

    async def verify(self) -> None:
        """Return when no endpoint is known to serve another chain; those that are down are asked again when needed.

        Raises:
            WrongChain: some do, with what to do about it.
        """
        await asyncio.gather(*(_settles(endpoint) for endpoint in self.endpoints))
        wrong = [
            f"{one.name} serves chain {one.serves}, not {one.chain_id}" for one in self.endpoints if one.is_elsewhere
        ]
        if wrong:
            raise WrongChain(f"{'; '.join(wrong)}: take it out of CASHBACK_RPC_URLS, or correct CASHBACK_CHAIN_ID")

    async def ask(self, requests: Sequence[Request]) -> list[Any]:
        """Return the results of `requests` from the first endpoint that answers all of them; they decide nothing.

        Raises:
            EndpointRefused: the call was executed and reverted, or every endpoint that answered refused it.
            ChainUnavailable: no endpoint answered.
        """
        failure: ChainUnavailable = ChainUnavailable("no endpoint is configured")
        for endpoint in self._polling.healthy_first():
            try:
                return await endpoint.ask(requests)
            except EndpointRefused as refusal:
                if refusal.revert is not None:
                    raise
                # It may lag behind or have pruned what another one still has.
                failure = refusal
            except EndpointSilent as silence:
                failure = failure if isinstance(failure, EndpointRefused) else silence
        try:
            raise failure
        finally:
            del failure  # which holds this call from now on: all that is asked with would be freed late

    async def agree(
        self,
        requests: Sequence[Request],
        decode: Callable[[list[Any]], T],
        *,
        key: Callable[[T], object] = lambda value: value,
        with_refusals: bool = False,
    ) -> list[T]:
        """Return what a quorum tells about `requests`, decoded: values that are the same by `key`, at least one.

        `decode` raises `ChainUnavailable` for what is no answer; `with_refusals` it gets refusals in the places of
        results. Who tells otherwise is outvoted, and reported, also when the answer comes after the decision.

        Raises:
            EndpointRefused: a quorum executed the call and it reverted, or a quorum refused.
            QuorumMissing: too few tell the same; nothing is known, ask again later.
            ChainUnavailable: there is a quorum of one, and no endpoint answered.
        """
        agreed: list[Ballot[T]] = []

        def is_decided(ballots: Sequence[Ballot[T]]) -> bool:
            """Tell whether a quorum says the same by now."""
            agreed[:] = agreed or quorate(ballots, self.quorum, key)
            return bool(agreed)

        def judge(ballot: Ballot[T]) -> None:
            """Hold one answer against what was decided."""
            if agreed and self.quorum > 1:
                _judge(ballot, agreed[0], requests[0][0], key)

        async def ask(endpoint: Endpoint) -> T:
            """Return what one endpoint tells."""
            return decode(await (endpoint.ask_each(requests) if with_refusals else endpoint.ask(requests)))

        ballots = await self._polling.poll(ask, is_decided, late=judge)
        for ballot in ballots:
            judge(ballot)
        if not agreed:
            raise self._undecided(ballots)
        if isinstance(agreed[0].vote, Refused):
            raise agreed[0].vote.refusal.afresh()
        return told(agreed)

    async def survey(
        self,
        requests: Sequence[Request],
        decode: Callable[[list[Any]], T],
        *,
        is_enough: Callable[[list[T]], bool],
        note: Callable[[Endpoint, T], None] = lambda _endpoint, _value: None,
        strangers_within_s: float | None = None,
    ) -> list[T]:
        """Return what at least a quorum of endpoints tells, each for itself: until it is enough, or all were asked.

        `decode` gets refusals in the places of results. `note` is told of every answer, also of those that come late.

        With `strangers_within_s` what is run is a stranger's code, in so many seconds at most: who does not answer is
        not thought less of, and who has not answered once it is enough is no longer asked.

        Raises:
            EndpointRefused, QuorumMissing, ChainUnavailable: as `agree`.
        """
        is_strangers = strangers_within_s is not None

        async def ask(endpoint: Endpoint) -> T:
            """Return what one endpoint tells."""
            value = decode(await endpoint.ask_each(requests, within_s=strangers_within_s, forgives=is_strangers))
            note(endpoint, value)
            return value

        def is_decided(ballots: Sequence[Ballot[T]]) -> bool:
            """Tell whether that is enough."""
            values = told(ballots)
            return len(values) >= self.quorum and is_enough(values)

        ballots = await self._polling.poll(ask, is_decided, late=None if is_strangers else lambda _ballot: None)
        values = told(ballots)
        if len(values) < self.quorum:
            raise self._undecided(ballots)
        return values

    async def poll(self, requests: Sequence[Request]) -> list[list[Any]]:
        """Return the results of `requests` from every endpoint that answers them; those that do not are left out."""
        told = await asyncio.gather(*(_told(endpoint, requests) for endpoint in self.endpoints))
        return [results for results in told if results is not None]

    async def send(self, raw: bytes) -> list[NodeAnswer]:
        """Offer a signed transaction to every endpoint; return the answers given until the first acceptance.

        Slower endpoints go on by themselves: the more pools hold it the better. Never raises for a refusal or silence:
        both are answers.
        """
        waiting = {asyncio.create_task(_offer(endpoint, raw)) for endpoint in self.endpoints}
        answers: list[NodeAnswer] = []
        while waiting and not any(answer.is_accepted for answer in answers):
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            answers += [offer.result() for offer in done]
        self._polling.leave(waiting)
        return answers

    async def close(self) -> None:
        """Close every endpoint's connections."""
        await self._polling.close()
        for endpoint in self.endpoints:
            await endpoint.close()

    def _undecided(self, ballots: Sequence[Ballot[T]]) -> ChainUnavailable:
        """Return why nothing is known: a quorum refused, too few say the same, or nobody says anything."""
        refusals = [one.vote.refusal for one in ballots if isinstance(one.vote, Refused)]
        if len(refusals) >= self.quorum:
            return refusals[-1].afresh()
        silences = [one.vote.silence for one in ballots if isinstance(one.vote, Silent)]
        return silences[-1].afresh() if self.quorum == 1 and silences else QuorumMissing(ballots, self.quorum)


def _judge(ballot: Ballot[T], agreed: Ballot[T], method: str, key: Callable[[T], object]) -> None:
    """Hold an endpoint's answer against the one that was agreed; who told nothing contradicts nobody."""
    standing = ballot.endpoint.standing
    if is_same(ballot.vote, agreed.vote, key):
        standing.agreed(method)
    elif isinstance(ballot.vote, Told):
        standing.contradicted(method)


async def _settles(endpoint: Endpoint) -> bool:
    """Ask one endpoint which chain it serves; return whether it has told the right one."""
    try:
        await endpoint.ask([("eth_chainId", [])])
    except ChainUnavailable:
        return False
    return True


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
    reach("attempt.answer_lost")
    return NodeAnswer(endpoint.name, is_accepted=True)

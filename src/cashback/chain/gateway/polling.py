"""Asking several endpoints at the same time, until what they said decides.

    the healthy ones, all at once ──decided?──▶ the answers so far; who is slower is heard all the same
                  └──not decided──▶ the others: resting, or owing answers ──▶ all there is

Where a stranger's code is run nobody who is slower is heard, or owes anything: how slow it is lies with the stranger.
A quorum of one is no vote: then one endpoint is asked after the other, in the order of preference.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from cashback.chain.gateway.endpoint import Endpoint
from cashback.chain.gateway.jsonrpc import EndpointRefused
from cashback.chain.gateway.quorum import Ballot, Refused, Silent, Told, Vote
from cashback.chain.model import ChainUnavailable

T = TypeVar("T")

STRAGGLERS_MAX: Final = 64
LATE_MAX: Final = 4
"""An endpoint that owes so many answers is asked only when the others do not decide: it is slow enough."""


class Polling:
    """Asks the endpoints of one node."""

    def __init__(self, endpoints: Sequence[Endpoint], *, quorum: int) -> None:
        """Ask these, in the order of preference; `quorum` of them are needed at least."""
        self._endpoints = tuple(endpoints)
        self._quorum = quorum
        self._owed = {endpoint.name: 0 for endpoint in endpoints}
        self._stragglers: set[asyncio.Task[Any]] = set()

    async def poll(
        self,
        ask: Callable[[Endpoint], Awaitable[T]],
        is_decided: Callable[[Sequence[Ballot[T]]], bool],
        *,
        late: Callable[[Ballot[T]], None] | None,
    ) -> list[Ballot[T]]:
        """Return what was said until it decided, or by all when nothing did; `late` is told what is said afterwards.

        With None for it nothing is: who has not answered by then is no longer asked, and owes nothing.

        An endpoint's refusals and silences are votes; nothing else that `ask` raises is.
        """
        ballots: list[Ballot[T]] = []
        for some in self._rounds():
            if len(some) == 1:
                ballots.append(await _ballot(ask, some[0]))
            else:
                await self._all(ask, some, ballots, is_decided, late)
            if is_decided(ballots):
                break
        return ballots

    def healthy_first(self) -> list[Endpoint]:
        """Return the endpoints that are well and to be trusted in the order of preference, then the others.

        A last resort is one too.
        """
        return sorted(self._endpoints, key=lambda one: (not one.is_healthy, bool(one.standing.fault)))

    def leave(self, tasks: set[asyncio.Task[Any]]) -> None:
        """Let slow answers come by themselves, within bounds."""
        for task in tasks:
            if len(self._stragglers) >= STRAGGLERS_MAX:
                task.cancel()
                continue
            self._stragglers.add(task)
            task.add_done_callback(self._stragglers.discard)

    async def close(self) -> None:
        """Wait for nobody any more."""
        await _ended(tuple(self._stragglers))

    def _rounds(self) -> list[list[Endpoint]]:
        """Return who is asked at the same time, and who after that where nothing is decided."""
        if self._quorum == 1:
            return [[endpoint] for endpoint in self.healthy_first()]
        first = [one for one in self._endpoints if one.is_healthy and self._owed[one.name] < LATE_MAX]
        others = [one for one in self._endpoints if one not in first]
        return [some for some in (first, others) if some]

    async def _all(
        self,
        ask: Callable[[Endpoint], Awaitable[T]],
        some: Sequence[Endpoint],
        ballots: list[Ballot[T]],
        is_decided: Callable[[Sequence[Ballot[T]]], bool],
        late: Callable[[Ballot[T]], None] | None,
    ) -> None:
        """Ask `some` at once and add what they say to `ballots` until that decides."""
        waiting = {asyncio.create_task(_ballot(ask, one)): one for one in some}
        try:
            while waiting:
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del waiting[task]
                    ballots.append(task.result())
                if is_decided(ballots):
                    break
        except BaseException:
            for task in waiting:
                task.cancel()
            raise
        if late is None:
            await _ended(waiting)
            return
        for task, endpoint in waiting.items():
            self._owed[endpoint.name] += 1
            task.add_done_callback(partial(self._heard, owing=endpoint.name, late=late))
        self.leave(set(waiting))

    def _heard(self, task: asyncio.Task[Ballot[T]], *, owing: str, late: Callable[[Ballot[T]], None]) -> None:
        """Take note of an answer that came after the decision."""
        self._owed[owing] -= 1
        if not task.cancelled() and task.exception() is None:
            late(task.result())


async def _ended(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel these, and return when none of them asks any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _ballot(ask: Callable[[Endpoint], Awaitable[T]], endpoint: Endpoint) -> Ballot[T]:
    """Return what one endpoint says.

    Where a failure was raised is not kept: the vote would hold this very call, and everybody who waits for it.
    """
    vote: Vote[T]
    try:
        vote = Told(await ask(endpoint))
    except EndpointRefused as refusal:
        vote = Refused(refusal.with_traceback(None))
    except ChainUnavailable as silence:
        vote = Silent(silence.with_traceback(None))
    return Ballot(endpoint, vote)

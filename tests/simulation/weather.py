"""What happens to the chain and to its endpoints whatever the adapter does, and how all of it heals."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from cashback.chain.model import Mint, Waiting
from cashback.chain.rules import packing
from tests.simulation import scene
from tests.simulation.abi import selector, uint
from tests.simulation.chain import Chain
from tests.simulation.clock import Clock
from tests.simulation.endpoint import Site
from tests.simulation.faults import Fault, Faults
from tests.simulation.pool import PoolRefused

_SPIKE_WEI: Final = 700 * scene.GWEI
"""Above what the adapter may ever pay."""
_ONE_CALL: Final = packing.Limits(calls=1, mints=256, gas=16_000_000, amount=2**63)


class Weather:
    """Everything of one world that is not an adapter."""

    def __init__(self, faults: Faults, clock: Clock, chain: Chain, sites: Sequence[Site]) -> None:
        """Begin with fine weather."""
        self._faults = faults
        self._clock = clock
        self._chain = chain
        self._sites = sites
        self._events: dict[Fault, Callable[[Sequence[Mint]], Awaitable[None]]] = {
            "reorganised": self._reorganise,
            "pool_dropped": self._drop,
            "price_spiked": self._spike,
            "paused": self._pause,
            "limited_amount": self._limit,
            "minted_elsewhere": self._mint_elsewhere,
            "endpoint_behind": self._fall_behind,
            "endpoint_of_another_chain": self._change_chain,
            "endpoint_down": self._go_down,
        }

    async def change(self, submitted: Sequence[Mint]) -> list[Fault]:
        """Let happen what the schedule has for this step; return what did."""
        self._rescue()
        struck = [fault for fault in self._events if self._faults.strikes(fault)]
        for fault in struck:
            try:
                await self._events[fault](submitted)
            except PoolRefused:
                # Somebody's transaction of the same kind waits already, or cannot pay the price of the day.
                continue
        return struck

    def _rescue(self) -> None:
        """Have all endpoints but the first of several leave a branch that is dead: most nodes know what is final."""
        firm = self._chain.firm
        for site in self._sites[1:] or self._sites:
            if site.behind and site.behind[min(firm.number, len(site.behind) - 1)].hash not in self._chain.hashes:
                site.behind = None

    def mine(self) -> int:
        """Have the next block made now, rarely an empty one; return its number."""
        return self._chain.mine(timestamp=self._clock.now_s, empty=self._faults.share() < _EMPTY_SHARE).number

    async def heal(self) -> None:
        """Undo all of it: endpoints are well, prices low, the minter runs with its usual limit."""
        for site in self._sites:
            site.behind, site.is_down, site.is_of_another_chain = None, False, False
        self._chain.next_base_fee_wei = scene.GWEI
        self._chain.pool.drop_of({scene.ADMIN.address, scene.GUARDIAN.address, scene.OTHER_OPERATOR.address})
        if scene.minter_of(self._chain).is_paused:
            await scene.call_minter(self._chain, scene.ADMIN, selector("unpause()"))
        await self._set_limit(scene.CAPACITY)

    async def _reorganise(self, _: Sequence[Mint]) -> None:
        """Orphan some blocks; the branch that replaces them may be shorter at first."""
        depth = self._chain.reorganise(self._faults.between(1, 6), requeue=self._faults.share() < 0.5)
        for _block in range(self._faults.between(0, depth + 1)):
            self.mine()

    async def _drop(self, _: Sequence[Mint]) -> None:
        """Have the pools forget some of what they hold."""
        share = self._faults.one_of([0.3, 1.0])
        self._chain.pool.drop(share, self._faults.share)

    async def _spike(self, _: Sequence[Mint]) -> None:
        """Raise the price of gas, modestly or above every cap."""
        self._chain.next_base_fee_wei = self._faults.one_of([5 * scene.GWEI, 60 * scene.GWEI, _SPIKE_WEI])

    async def _pause(self, _: Sequence[Mint]) -> None:
        """Pause the minter, or lift the pause."""
        if scene.minter_of(self._chain).is_paused:
            await scene.call_minter(self._chain, scene.ADMIN, selector("unpause()"))
        else:
            await scene.call_minter(self._chain, scene.GUARDIAN, selector("pause()"))

    async def _limit(self, _: Sequence[Mint]) -> None:
        """Let hardly anything be minted, or as much as usual again."""
        await self._set_limit(self._faults.one_of([1, 2_500_000, scene.CAPACITY]))

    async def _set_limit(self, capacity: int) -> None:
        """Have the admin set the limit."""
        await scene.call_minter(
            self._chain, scene.ADMIN, selector("setLimit(uint208,uint48)") + uint(capacity) + uint(scene.WINDOW_S)
        )

    async def _mint_elsewhere(self, submitted: Sequence[Mint]) -> None:
        """Have the other operator mint what was submitted here: what an adapter before a restore may have done.

        A mint that nobody here has stored would rightly halt.
        """
        if submitted:
            mint = self._faults.one_of(submitted)
            [call] = packing.pack([Waiting(mint.number, mint.recipient, mint.amount)], _ONE_CALL)
            await scene.call_minter(self._chain, scene.OTHER_OPERATOR, call.calldata)

    async def _fall_behind(self, _: Sequence[Mint]) -> None:
        """Have an endpoint stay at its block, on its branch, or catch up again."""
        site = self._faults.one_of(self._sites)
        site.behind = None if site.behind else self._chain.branch

    async def _change_chain(self, _: Sequence[Mint]) -> None:
        """Have an endpoint serve another chain, or ours again."""
        site = self._faults.one_of(self._sites)
        site.is_of_another_chain = not site.is_of_another_chain

    async def _go_down(self, _: Sequence[Mint]) -> None:
        """Have an endpoint go away, or come back."""
        site = self._faults.one_of(self._sites)
        site.is_down = not site.is_down


_EMPTY_SHARE: Final = 0.1

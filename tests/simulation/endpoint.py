"""One endpoint of the simulated chain: the adapter's own client, with the exchange over HTTP replaced.

Verification, cooldown, concurrency and the check of shapes are the real ones. What the schedule says goes wrong here:
silence, limits, nonsense, answers that come too late to be heard, a node that is behind or serves another chain, a
send that is answered and forgotten, receipts and nonces that a node does not tell as they are.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from cashback.chain.gateway import shapes
from cashback.chain.gateway.endpoint import Endpoint, Request
from cashback.chain.gateway.jsonrpc import EndpointRefused
from tests.simulation.chain import Branch, Chain
from tests.simulation.faults import Faults
from tests.simulation.life import Life
from tests.simulation.pool import PoolRefused
from tests.simulation.rpc import View
from tests.simulation.signed import decoded

SEND: Final = "eth_sendRawTransaction"
TIMEOUT_MS: Final = 2_500
_REAL_TIMEOUT_S: Final = 60.0
"""In a world without real time nothing takes long; this is for a machine that stands still itself."""
_LATER_STEPS: Final = 12
_WITHHELD_MAX: Final = 4


class Surroundings(Protocol):
    """What an endpoint touches besides the chain."""

    @property
    def faults(self) -> Faults:
        """Return what goes wrong."""
        ...

    def wait(self, by_ms: int) -> None:
        """Let time pass."""
        ...

    def see(self, raw: bytes) -> None:
        """Look whether what is sent was stored before."""
        ...

    def later(self, steps: int, deed: Callable[[], None]) -> None:
        """Do something after so many steps."""
        ...


class Site(msgspec.Struct):
    """How one place of the settings is reached at the moment, for every process."""

    behind: Branch | None = None
    is_down: bool = False
    is_of_another_chain: bool = False
    withheld: int = 0

    def withholds(self, faults: Faults) -> bool:
        """Tell whether a receipt is not told: a node may be late with its index, not for ever."""
        self.withheld = self.withheld + 1 if self.withheld < _WITHHELD_MAX and faults.strikes("receipt_withheld") else 0
        return self.withheld > 0


class SimulatedEndpoint(Endpoint):
    """An endpoint as one process sees it. One that dies here hears nothing any more, and ends where it stores next."""

    def __init__(
        self,
        chain: Chain,
        site: Site,
        *,
        place: int,
        around: Surroundings,
        life: Life,
        stall: Callable[[], Awaitable[None]],
    ) -> None:
        """Reach `chain` by `site`; `life` is that of the process, `stall` has it stand still."""
        super().__init__(
            f"http://node{place}.invalid:8545", place=place, chain_id=chain.chain_id, timeout_s=_REAL_TIMEOUT_S
        )
        self._chain = chain
        self._site = site
        self._around = around
        self._life = life
        self._stall = stall

    async def _exchange(self, requests: Sequence[Request]) -> list[Any]:
        """Return the results as this node tells them, if it does."""
        is_send = any(method == SEND for method, _ in requests)
        if is_send:
            [(_, [raw])] = requests
            return [self._send(bytes.fromhex(str(raw)[2:]))]
        if self._life.is_ended_by("killed_asking") or self._site.is_down or self._around.faults.strikes("silent"):
            raise OSError("connection refused")
        if not _is_beside_others(requests) and self._around.faults.strikes("stalled"):
            await self._stall()
        if self._around.faults.strikes("limited"):
            raise EndpointRefused("-32005: limit exceeded")
        results = [self._each(method, given) for method, given in requests]
        if self._around.faults.strikes("late"):
            self._around.wait(TIMEOUT_MS)
            raise TimeoutError
        for (method, _), result in zip(requests, results, strict=True):
            if not isinstance(result, EndpointRefused):
                shapes.check(method, result)
        return results

    def _each(self, method: str, given: Sequence[Any]) -> Any:  # noqa: ANN401 - parsed JSON
        """Return one result, or the refusal in its place."""
        try:
            return self._told(method, given)
        except EndpointRefused as refusal:
            return refusal

    def _told(self, method: str, given: Sequence[Any]) -> Any:  # noqa: ANN401 - parsed JSON
        """Return one result, true or not."""
        faults = self._around.faults
        if method == "eth_chainId" and self._site.is_of_another_chain:
            return hex(self._chain.chain_id + 1)
        if faults.strikes("garbled"):
            return {"message": "service unavailable"}
        result = View(self._chain, self._site.behind or self._chain.branch).answer(method, given)
        if method in {"eth_getTransactionReceipt", "eth_getBlockReceipts"} and self._site.withholds(faults):
            return None
        if method == "eth_getTransactionCount" and faults.strikes("nonce_behind"):
            return hex(max(int(result, 16) - faults.between(1, 3), 0))
        if method == "eth_getTransactionCount" and given[1] != "latest" and faults.strikes("nonce_ahead"):
            return hex(int(result, 16) + faults.between(1, 3))
        return result

    def _send(self, raw: bytes) -> str:
        """Return the hash of signed bytes that this node says it has taken."""
        faults = self._around.faults
        if self._life.is_over or self._site.is_down or faults.strikes("send_silent"):
            raise OSError("connection refused")
        if faults.strikes("send_limited"):
            raise EndpointRefused("-32005: limit exceeded")
        self._around.see(raw)
        taken = self._take(raw)
        if faults.strikes("send_late"):
            self._around.wait(TIMEOUT_MS)
            raise TimeoutError
        return taken

    def _take(self, raw: bytes) -> str:
        """Take signed bytes in, or merely say so; some arrive later than said."""
        if self._around.faults.strikes("send_swallowed"):
            return f"0x{decoded(raw).hash.hex()}"
        if self._around.faults.strikes("send_delayed"):
            self._around.later(self._around.faults.between(1, _LATER_STEPS), lambda: self._arrive(raw))
            return f"0x{decoded(raw).hash.hex()}"
        return View(self._chain, self._chain.branch).send(f"0x{raw.hex()}")

    def _arrive(self, raw: bytes) -> None:
        """Take in what was said to be taken long ago; by now it may be refused, which nobody hears."""
        try:
            self._chain.take(raw)
        except PoolRefused:
            return


def _is_beside_others(requests: Sequence[Request]) -> bool:
    """Tell whether others may be under way which run on when one of them fails, as sends and questions about tags do.

    Whoever stood still there would leave the order of what follows to the machine.
    """
    return any(method == "eth_chainId" or {"safe", "finalized"} & set(map(str, given)) for method, given in requests)

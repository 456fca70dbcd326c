"""Transactions that wait for a block: one per sender and nonce, and the rules of geth about who may replace whom."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

from tests.simulation.execution import GAS_PER_TRANSACTION_MAX, State, intrinsic_gas
from tests.simulation.signed import Signed

REPLACEMENT_PERCENT: Final = 110


class PoolRefused(Exception):
    """The pool does not take the transaction; the words are those of geth."""


class Pool:
    """What waits."""

    def __init__(self, *, chain_id: int, gas_limit: int) -> None:
        """Begin empty."""
        self._chain_id = chain_id
        self._gas_limit = gas_limit
        self._waiting: dict[bytes, dict[int, Signed]] = {}

    def __len__(self) -> int:
        return sum(len(own) for own in self._waiting.values())

    def offer(self, signed: Signed, state: State) -> None:
        """Take a transaction in, in the place of one that pays a tenth less in both prices.

        Raises:
            PoolRefused: it is not taken, and why.
        """
        held = self._waiting.get(signed.sender, {}).get(signed.nonce)
        if held is not None and held.hash == signed.hash:
            raise PoolRefused("already known")
        problem = self._problem(signed, state)
        if problem is None and held is not None and not _outbids(signed, held):
            problem = "replacement transaction underpriced"
        if problem is not None:
            raise PoolRefused(problem)
        self._waiting.setdefault(signed.sender, {})[signed.nonce] = signed

    def drop_of(self, senders: AbstractSet[bytes]) -> None:
        """Forget what some senders have waiting."""
        for sender in senders & self._waiting.keys():
            del self._waiting[sender]

    def drop(self, share: float, choose: Callable[[], float]) -> int:
        """Forget each with the probability `share`, as drawn from `choose`; return how many."""
        doomed = [(sender, nonce) for sender, own in self._waiting.items() for nonce in own if choose() < share]
        for sender, nonce in doomed:
            del self._waiting[sender][nonce]
        return len(doomed)

    def prune(self, state: State) -> None:
        """Forget what the state has used the nonce of."""
        for sender, own in self._waiting.items():
            for nonce in [one for one in own if one < state.nonces.get(sender, 0)]:
                del own[nonce]

    def pending_nonce(self, address: bytes, state: State) -> int:
        """Return the first nonce of an account that neither the state nor an unbroken row in the pool has used."""
        nonce, own = state.nonces.get(address, 0), self._waiting.get(address, {})
        while nonce in own:
            nonce += 1
        return nonce

    def next(self, state: State, *, base_fee_wei: int, gas_left: int, skip: frozenset[bytes]) -> Signed | None:
        """Return the best paying transaction that a block could take next; senders in `skip` are passed over."""
        ready = [
            own[nonce]
            for sender, own in self._waiting.items()
            if sender not in skip and (nonce := state.nonces.get(sender, 0)) in own
        ]
        fitting = [one for one in ready if one.max_fee_wei >= base_fee_wei and one.gas <= gas_left]
        return max(fitting, key=lambda one: (min(one.tip_wei, one.max_fee_wei - base_fee_wei), one.hash), default=None)

    def _problem(self, signed: Signed, state: State) -> str | None:
        """Return what is wrong with a transaction by itself."""
        nonce = state.nonces.get(signed.sender, 0)
        problems = (
            (signed.chain_id != self._chain_id, f"invalid chain id for signer: have {signed.chain_id}"),
            (signed.tip_wei > signed.max_fee_wei, "max priority fee per gas higher than max fee per gas"),
            (signed.gas > GAS_PER_TRANSACTION_MAX, "transaction gas limit too high"),
            (signed.gas > self._gas_limit, "exceeds block gas limit"),
            (signed.gas < intrinsic_gas(signed.calldata, creates=signed.target is None), "intrinsic gas too low"),
            (signed.nonce < nonce, f"nonce too low: next nonce {nonce}, tx nonce {signed.nonce}"),
            (
                signed.gas * signed.max_fee_wei > state.balances.get(signed.sender, 0),
                "insufficient funds for gas * price + value",
            ),
        )
        return next((words for is_so, words in problems if is_so), None)


def _outbids(signed: Signed, held: Signed) -> bool:
    """Tell whether both prices are a tenth above those of the one held."""
    return all(
        100 * ours >= REPLACEMENT_PERCENT * theirs
        for ours, theirs in ((signed.max_fee_wei, held.max_fee_wei), (signed.tip_wei, held.tip_wei))
    )

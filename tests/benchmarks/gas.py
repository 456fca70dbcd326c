"""`gas`: what a mint costs through the minter, to a fresh wallet and to one that has tokens, by the size of the batch.

Method. A chain that mines at once; calldata packed and signed by the adapter's own code; gas from the receipts, which
is exact and the same on every machine. Numbers are consecutive from the start of a bitmap word on, as the ledger gives
them out, so that every size pays for the words it opens; wallets within a batch differ. The figure of a size is the
mean of its batches; the targets are held against the dearest batch of 200. One mint before all others pays for what a
contract pays once. Every mint log and the supply are compared at the end.

Beside it, on the same chain, the same wallets and amounts go to a bare batch mint (`tests/benchmarks/bare.py`): what a
mint costs without number, limit, cap, pause and events of ours. At last one anchor.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Final

from cashback.chain.model import Anchor, Waiting
from cashback.chain.rules import anchoring
from cashback.chain.rules.packing import Limits, pack
from tests.benchmarks.bare import BareToken
from tests.benchmarks.chain import UNITS, Chain, mints, open_chain
from tests.benchmarks.checks import Check, at_most, exactly, reported
from tests.benchmarks.payer import Payer

BATCHES: Final = {1: 256, 10: 26, 100: 8, 200: 8}
"""How many batches of each size: at least one whole bitmap word."""

PROMISED: Final = {"fresh": 28_800, "repeat": 11_600}
"""What a mint of a batch of 200 may cost, guard, limit and events included."""

REACHED: Final = {"fresh": 27_500, "repeat": 10_500}
"""What it costs by now, a little rounded up: a rise above it is a loss even where the promise still holds."""

ANCHORED: Final = 28_500
"""What an anchor costs, a little rounded up."""

_GATED: Final = 200
_WORD: Final = 256
_OPERATOR, _OWNER = 1, 3  # accounts of the mnemonic


class Minting:
    """The operator's key, sending batches as the adapter packs them; remembers what it asked for."""

    def __init__(self, chain: Chain) -> None:
        """Mint on `chain`."""
        self._chain = chain
        self._operator = Payer(chain, index=_OPERATOR)
        self.asked: dict[int, Waiting] = {}

    async def per_mint(self, batches: Sequence[Sequence[Waiting]]) -> list[float]:
        """Return each batch's gas per mint."""
        self.asked |= {mint.number: mint for batch in batches for mint in batch}
        return [(await self._gas(batch)) / len(batch) for batch in batches]

    async def anchor(self) -> int:
        """Return the gas that an anchor uses whose calldata has no zero byte to spare."""
        call = anchoring.call(Anchor(b"\xff" * 32, 2**63 - 1))
        return await self._operator.gas_of(self._chain.minter, call.calldata, gas=call.gas)

    async def _gas(self, batch: Sequence[Waiting]) -> int:
        """Return the gas that one transaction used."""
        [call] = pack(batch, Limits(calls=1, mints=len(batch), gas=16_000_000, amount=2**63))
        return await self._operator.gas_of(self._chain.minter, call.calldata, gas=call.gas)


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    numbers, wallets = count(_WORD), count()
    figures: list[Check] = []
    async with open_chain(folder, block_time_s=None) as chain:
        minting, bare = Minting(chain), await BareToken.deploy(Payer(chain, index=_OWNER))
        first = [mints([1], wallets)]
        await minting.per_mint(first)
        await bare.per_mint(first)
        for size, many in BATCHES.items():
            for kind, batches in _kinds(numbers, wallets, size=size, many=many):
                ours, theirs = await minting.per_mint(batches), await bare.per_mint(batches)
                figures += _figures(size, kind, ours=ours, bare=theirs)
        astray = await chain.astray(minting.asked)
        unlike = await bare.supply() - len(minting.asked) * UNITS
        anchored = await minting.anchor()
    return [
        *figures,
        at_most("an anchor, with the dearest calldata", anchored, "gas", bound=ANCHORED),
        exactly("mint logs lost, doubled or wrong", astray, "logs", expected=0),
        exactly("base units minted otherwise by the bare mint", unlike, "units", expected=0),
    ]


def _figures(size: int, kind: str, *, ours: Sequence[float], bare: Sequence[float]) -> Iterator[Check]:
    """Yield what batches of one size cost, here and without anything of ours, and the targets of the largest."""
    what = f"batch of {size}, {kind} wallets"
    mean, mean_bare = sum(ours) / len(ours), sum(bare) / len(bare)
    if size == _GATED:
        yield at_most(f"{what}, dearest, as promised", max(ours), "gas/mint", bound=PROMISED[kind])
        yield at_most(f"{what}, dearest, as reached", max(ours), "gas/mint", bound=REACHED[kind])
    yield reported(what, mean, "gas/mint")
    yield reported(f"{what}, bare", mean_bare, "gas/mint")
    yield reported(f"{what}, guard, limit and events", mean - mean_bare, "gas/mint")


def _kinds(
    numbers: Iterator[int], wallets: Iterator[int], *, size: int, many: int
) -> Iterator[tuple[str, list[list[Waiting]]]]:
    """Yield batches to wallets of their own, and then batches of other numbers to the same wallets."""
    fresh = [mints(window, wallets) for window in _windows(numbers, size, many)]
    yield "fresh", fresh
    yield (
        "repeat",
        [
            [Waiting(number, mint.recipient, mint.amount) for number, mint in zip(window, batch, strict=True)]
            for window, batch in zip(_windows(numbers, size, many), fresh, strict=True)
        ],
    )


def _windows(numbers: Iterator[int], size: int, many: int) -> list[list[int]]:
    """Return consecutive numbers in windows, from the start of a bitmap word on."""
    while next(numbers) % _WORD != _WORD - 1:
        pass
    return [[next(numbers) for _ in range(size)] for _ in range(many)]

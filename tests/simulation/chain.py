"""A chain in this process: blocks that link by hash, each with the state after it, a pool, and reorganisations.

    pool ──mine──▶ block ──▶ head        reorganise(depth): the last blocks are orphaned, what they carried goes back to
                                         the pool or is lost, and another branch grows from there

A branch is a tuple of blocks from the first to its head; who still holds an old one sees the chain as it was.
"""

from itertools import count
from typing import Final, TypeAlias

import msgspec
from eth_utils.crypto import keccak

from tests.simulation.execution import Executed, State, execute
from tests.simulation.pool import Pool, PoolRefused
from tests.simulation.signed import Signed, decoded

SAFE_DEPTH: Final = 2
FINAL_DEPTH: Final = 4
"""So far behind the head the tags stand, as on anvil with two slots in an epoch."""
GAS_LIMIT: Final = 36_000_000
_ELASTICITY: Final = 2
_CHANGE: Final = 8


class Mined(msgspec.Struct, frozen=True):
    """A transaction in a block, and what it did there."""

    signed: Signed
    done: Executed


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """One block, and the state after it."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    base_fee_wei: int
    gas_used: int
    mined: tuple[Mined, ...]
    state: State


Branch: TypeAlias = tuple[Block, ...]


class Chain:
    """The canonical branch and its pool; nothing here is random, and nothing knows what time it is."""

    def __init__(
        self, *, chain_id: int, state: State, base_fee_wei: int, timestamp: int, firm_depth: int = FINAL_DEPTH
    ) -> None:
        """Begin with one empty block, with this state after it; only `betray` orphans what is `firm_depth` deep."""
        self.chain_id = chain_id
        self.pool = Pool(chain_id=chain_id, gas_limit=GAS_LIMIT)
        self.next_base_fee_wei = base_fee_wei
        self._firm_depth = firm_depth
        self._firm = 0
        self.is_automining = False
        self._salt = count()
        self.branch: Branch = ()
        self._append(state, (), timestamp=timestamp)

    @property
    def head(self) -> Block:
        """Return the newest block."""
        return self.branch[-1]

    @property
    def firm(self) -> Block:
        """Return the newest block that will never be orphaned."""
        return self.branch[self._firm]

    @property
    def hashes(self) -> frozenset[bytes]:
        """Return the hashes of all blocks up to the head."""
        return frozenset(block.hash for block in self.branch)

    def take(self, raw: bytes) -> bytes:
        """Take signed bytes into the pool and return their hash.

        Raises:
            PoolRefused, Malformed: they are not taken.
        """
        signed = decoded(raw)
        self.pool.offer(signed, self.head.state)
        if self.is_automining:
            self.mine(timestamp=self.head.timestamp + 1)
        return signed.hash

    def mine(self, *, timestamp: int, empty: bool = False) -> Block:
        """Return the next block, later than its parent, with as much of the pool as it holds unless `empty`."""
        timestamp = max(timestamp, self.head.timestamp + 1)
        state = self.head.state.copy()
        mined: list[Mined] = []
        gas_left = 0 if empty else GAS_LIMIT
        broke: frozenset[bytes] = frozenset()
        while signed := self.pool.next(state, base_fee_wei=self.next_base_fee_wei, gas_left=gas_left, skip=broke):
            if signed.gas * signed.max_fee_wei > state.balances.get(signed.sender, 0):
                broke |= {signed.sender}
                continue
            done = execute(state, signed, base_fee_wei=self.next_base_fee_wei, timestamp=timestamp)
            gas_left -= done.gas_used
            mined.append(Mined(signed, done))
        self._append(state, tuple(mined), timestamp=timestamp)
        self.pool.prune(state)
        self._firm = max(self._firm, self.head.number - self._firm_depth)
        return self.head

    def betray(self, depth: int, *, requeue: bool) -> int:
        """Orphan the last `depth` blocks, firm or not, though never the first one; return how many."""
        depth = min(depth, self.head.number)
        self._firm = min(self._firm, self.head.number - depth)
        return self.reorganise(depth, requeue=requeue)

    def reorganise(self, depth: int, *, requeue: bool) -> int:
        """Orphan the last `depth` blocks, though none that is firm; return how many.

        What they carried goes back into the pool with `requeue` (geth), and is lost without (anvil).
        """
        depth = max(min(depth, self.head.number - self._firm), 0)
        orphans = self.branch[len(self.branch) - depth :]
        self.branch = self.branch[: len(self.branch) - depth]
        if requeue:
            for one in (one for block in orphans for one in block.mined):
                self._put_back(one.signed)
        return depth

    def _put_back(self, signed: Signed) -> None:
        """Offer what an orphan carried to the pool again; one that is outbid meanwhile is lost."""
        try:
            self.pool.offer(signed, self.head.state)
        except PoolRefused:
            return

    def _append(self, state: State, mined: tuple[Mined, ...], *, timestamp: int) -> None:
        """Put a block on the head."""
        number, parent = (self.head.number + 1, self.head.hash) if self.branch else (0, bytes(32))
        body = b"".join(one.signed.hash for one in mined)
        gas_used = sum(one.done.gas_used for one in mined)
        block = Block(
            number=number,
            hash=bytes(keccak(parent + number.to_bytes(8) + next(self._salt).to_bytes(8) + body)),
            parent_hash=parent,
            timestamp=timestamp,
            base_fee_wei=self.next_base_fee_wei,
            gas_used=gas_used,
            mined=mined,
            state=state,
        )
        self.branch = (*self.branch, block)
        self.next_base_fee_wei = following_base_fee_wei(block.base_fee_wei, gas_used)


def following_base_fee_wei(base_fee_wei: int, gas_used: int) -> int:
    """Return the base fee of the block after one (EIP-1559)."""
    target = GAS_LIMIT // _ELASTICITY
    if gas_used > target:
        return base_fee_wei + max(base_fee_wei * (gas_used - target) // target // _CHANGE, 1)
    return base_fee_wei - base_fee_wei * (target - gas_used) // target // _CHANGE

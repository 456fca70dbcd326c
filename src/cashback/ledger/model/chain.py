"""What the chain says of us, as the blockchain adapter tells it, and that it does not tell."""

from datetime import datetime

import msgspec

from cashback.kernel.errors import Broken, Unavailable
from cashback.kernel.money import TokenUnits


class ChainBalance(msgspec.Struct, frozen=True, kw_only=True):
    """What the token contract says an address holds, in base units, at one block."""

    token_units: str
    block_number: int
    block_hash: str


class MintLog(msgspec.Struct, frozen=True, kw_only=True):
    """One mint as the chain's own log shows it; the amount is in base units."""

    number: int
    recipient: str
    amount: int
    block_number: int
    transaction_hash: str


class ChainLogs(msgspec.Struct, frozen=True, kw_only=True):
    """Mint logs from `from_block` to `covered_to_block`, and what holders burned in the same blocks.

    The adapter begins at its start block at the earliest. `at_block` is the last block of the whole question;
    `total_supply` stands there, told when the question begins, None when no node tells any more.
    """

    logs: list[MintLog]
    from_block: int
    covered_to_block: int
    at_block: int
    at_block_hash: str
    at_block_mined_at: datetime
    total_supply: int | None
    burned: int


class ChainColumns(msgspec.Struct, frozen=True, kw_only=True):
    """What `ChainLogs` says, with the logs as columns: big-endian values of one width, one behind the other.

    A number and a block number take 8 bytes, a recipient 20, an amount and a transaction's hash 32 each.
    """

    numbers: bytes
    recipients: bytes
    amounts: bytes
    block_numbers: bytes
    transaction_hashes: bytes
    from_block: int
    covered_to_block: int
    at_block: int
    at_block_hash: str
    at_block_mined_at: datetime
    total_supply: int | None
    burned: int


class ContractStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What token and minter say of themselves at the head: `operators` are the signers that may mint through them."""

    decimals: int
    is_paused: bool
    is_minter: bool
    operators: list[bytes]


class LaneNonces(msgspec.Struct, frozen=True, kw_only=True):
    """A signer's nonces: given out by the adapter, used on the chain up to its head, and used up to its final block.

    A signer that is draining takes nothing new, and need not be allowed to.
    """

    address: bytes
    next_nonce: int
    mined_nonce: int
    final_nonce: int
    gas_money_wei: int
    is_draining: bool = False

    @property
    def is_told(self) -> bool:
        """Tell whether the node said anything about this signer; one that has used nonces has paid for them."""
        return self.mined_nonce > 0 or self.gas_money_wei > 0


class EndpointHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one of the adapter's nodes answers as it should; `problem` says why not."""

    name: str
    is_healthy: bool
    problem: str


class ChainStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the adapter stands: heads, whether it is halted, what waits or is held, its signers and its nodes.

    `limit` is the most that the minter mints at once, None when no node told. `known_number` is the highest mint number
    that adapter and minting know, and `minting_told_ms_ago` how long ago minting told its own, None when it never did.
    Times of the newest and the final block and the contracts' `standing` are None when no node told.
    """

    chain_id: int
    head: int
    final: int
    halted_reason: str
    accepted_waiting: int
    held: int
    lanes: list[LaneNonces]
    endpoints: list[EndpointHealth]
    limit: TokenUnits | None
    known_number: int = 0
    minting_told_ms_ago: int | None = None
    head_mined_at: datetime | None = None
    final_mined_at: datetime | None = None
    standing: ContractStanding | None = None


class LiveMint(msgspec.Struct, frozen=True, kw_only=True):
    """How far a mint has come on the chain; what it has not reached is None."""

    number: int
    state: str
    transaction_hash: str | None
    block_number: int | None
    submitted_at: datetime | None
    included_at: datetime | None
    final_at: datetime | None


class NumbersFenced(Unavailable):
    """No mint number may be given out before the ledger was compared with what adapter and minting know."""

    code = "numbers_fenced"


class LedgerBehind(Broken):
    """Adapter or minting know numbers that the ledger has no record of: its database is older than what was minted."""

    code = "ledger_behind"


class AdapterUnavailable(Unavailable):
    """The blockchain adapter did not answer in time."""

    code = "adapter_unavailable"


class ChainUnavailable(AdapterUnavailable):
    """The blockchain adapter answered that no node of the chain does."""

    code = "chain_unavailable"


class AdapterUnintelligible(AdapterUnavailable):
    """The blockchain adapter answered what its contract does not allow."""

    code = "adapter_unintelligible"

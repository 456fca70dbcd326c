"""A mint as it is told by its number: what was frozen at its request, and what became of it."""

from datetime import datetime
from enum import StrEnum

import msgspec

from cashback.kernel.errors import NotFound
from cashback.kernel.money import TokenUnits
from cashback.ledger.model.stories import Amount


class MintStanding(StrEnum):
    """Where a mint stands: under way, on the chain, stopped until a person has looked, or its number given up."""

    REQUESTED = "requested"
    MINTED = "minted"
    STUCK = "stuck"
    RETIRED = "retired"


class StoredMint(msgspec.Struct, frozen=True, kw_only=True):
    """A mint as the ledger has it; what it has not come to is None."""

    number: int
    standing: MintStanding
    cashback_id: str
    purchase_id: str | None
    user_id: str
    merchant_id: str | None
    recipient: str
    token_units: TokenUnits
    requested_at: datetime
    minted_at: datetime | None
    transaction_hash: str | None
    block_number: int | None
    block_hash: str | None
    failure: str | None


class ChainWord(msgspec.Struct, frozen=True, kw_only=True):
    """How far a mint has come on the chain by the adapter's live word; what it has not reached is null.

    `state` is `unknown`, `accepted`, `submitted`, `included`, `safe`, `final`, `held` or `refused`.
    """

    state: str
    transaction_hash: str | None
    block_number: Amount | None
    submitted_at: datetime | None
    included_at: datetime | None
    final_at: datetime | None


class Mint(msgspec.Struct, frozen=True, kw_only=True):
    """A mint of a cashback, by the number that the token allows once.

    `minted` stands in a final block, whose place is given, also when its purchase was returned since. `stuck` wants a
    person, and `failure` says why; `retired` gave its number up for good, and its cashback may have another one by now.

    `chain` is the adapter's live word, where it was asked for by `expand=chain`; `is_stale` says that the adapter did
    not answer in time, and that the ledger's own figures are all that is told.
    """

    number: Amount
    state: MintStanding
    cashback_id: str
    purchase_id: str | None
    user_id: str
    merchant_id: str | None
    recipient: str
    token_units: Amount
    requested_at: datetime
    minted_at: datetime | None
    transaction_hash: str | None
    block_number: Amount | None
    block_hash: str | None
    failure: str | None
    chain: ChainWord | None
    is_stale: bool


class MintUnknown(NotFound):
    """No mint was requested under this number, or it is of another merchant's purchase."""

    code = "mint_unknown"

"""The live state of a mint as the adapter tells it, in the ledger's words."""

from cashback.ledger.gateway.words import hash_text, instant
from cashback.ledger.model import LiveMint
from cashback.wire.cashback.chain.v1 import GetMintsResponseEntry, MintState


def live(entry: GetMintsResponseEntry) -> LiveMint:
    """Return one entry of the answer in our words.

    Raises:
        ValueError: it says what no entry may say.
    """
    state = MintState(entry.state)
    if state is MintState.UNSPECIFIED or not state.name:
        raise ValueError(f"{entry.state} is no state")
    return LiveMint(
        number=entry.number,
        state=state.name.lower(),
        transaction_hash=hash_text(entry.transaction_hash) if entry.transaction_hash else None,
        block_number=int(entry.block_number) or None,
        submitted_at=instant(entry.submitted_at_ms),
        included_at=instant(entry.included_at_ms),
        final_at=instant(entry.final_at_ms),
    )

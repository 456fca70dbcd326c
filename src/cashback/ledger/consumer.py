"""Events call in: what is approved gets its mint requested, and what minting reports is settled.

Both handlers work inside the transaction in which the inbox took the deliveries, and may get any of them again under
another event id, late, and in any order (I5, I6).
"""

from collections.abc import Sequence
from typing import Final

from cashback.events import decode
from cashback.events.ledger import CashbackApproved
from cashback.events.minting import TokenMinted, TokenMintFailed, TokenMintReverted
from cashback.kernel.bus import Delivery
from cashback.kernel.clock import Clock
from cashback.kernel.db import Tx
from cashback.ledger.service.requests import MintPolicy, request_mints
from cashback.ledger.service.settlement import Told, settle

APPROVED = (CashbackApproved.TYPE,)
_OUTCOMES: Final[dict[str, type[Told]]] = {
    kind.TYPE: kind for kind in (TokenMinted, TokenMintFailed, TokenMintReverted)
}
OUTCOMES = tuple(_OUTCOMES)


class LedgerConsumer:
    """The two handlers of the ledger worker, for consumers of the types `APPROVED` and `OUTCOMES`."""

    def __init__(self, *, clock: Clock, policy: MintPolicy | None = None) -> None:
        """Handle with the given patience."""
        self._clock = clock
        self._policy = policy or MintPolicy()

    async def on_approved(self, tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Request the mint of every approved cashback whose user has a wallet; the others wait for one.

        Raises:
            EventUnreadable: a delivery's data does not match its contract.
        """
        approved = [decode(each.data, CashbackApproved, version=each.version).cashback_id for each in deliveries]
        await request_mints(tx, approved, cause="approved", now=self._clock.now(), policy=self._policy)

    async def on_outcome(self, tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Settle what was minted, note what failed, and put in flight again what was taken back.

        Raises:
            EventUnreadable: a delivery's data does not match its contract.
            OutcomeUnknown: a mint was never requested here.
            OutcomeContradicts: a mint was requested for something else.
        """
        outcomes = [
            decode(each.data, _OUTCOMES[each.type], version=each.version)
            for each in deliveries
            if each.type in _OUTCOMES
        ]
        await settle(tx, outcomes, now=self._clock.now())

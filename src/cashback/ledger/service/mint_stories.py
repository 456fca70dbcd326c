"""Mints by their numbers: the ledger's record, and beside it the chain's live word where that is asked for.

page, mint ──▶ ledger.cashback_ledger, retired_numbers
     └── the transaction has ended ──▶ Adapter.mints, within half a second ──▶ chain │ is_stale
"""

from collections.abc import Sequence
from typing import Final

from cashback.kernel.db import Database
from cashback.kernel.errors import Unavailable
from cashback.kernel.money import INT63_MAX
from cashback.kernel.page import PAGE_MAX, number_of
from cashback.kernel.telemetry import logger
from cashback.ledger.gateway import Adapter
from cashback.ledger.model import LiveMint
from cashback.ledger.model.mint_stories import ChainWord, Mint, MintStanding, MintUnknown, StoredMint
from cashback.ledger.store import numbered as store
from cashback.ledger.store.statements import see_one_moment

AMONG_MAX: Final = 10_000
"""So many mints are looked through for a page of some of them; it may be short, and still tell where to go on."""

log = logger(__name__)


class MintStories:
    """Tells of mints; a single one to `seen_by`, the merchant who asks, None an operator."""

    def __init__(self, database: Database, adapter: Adapter) -> None:
        """Read `database`, and ask `adapter` for what only the chain knows."""
        self._database = database
        self._adapter = adapter

    async def page(
        self,
        *,
        merchant_id: str | None = None,
        standing: MintStanding | None = None,
        with_chain: bool = False,
        place: str | None = None,
        limit: int = PAGE_MAX,
    ) -> tuple[list[Mint], str | None]:
        """Return a page of mints, the highest number first, and where the next one begins.

        Of one merchant or standing a page may have fewer than there are left, even none: it goes on all the same.

        Raises:
            CursorInvalid: `place` is none of ours.
        """
        below, most = number_of(place, first=INT63_MAX), min(limit, PAGE_MAX)
        last: int | None = None
        is_all = merchant_id is None and standing is None
        async with self._database.transaction() as tx:
            if not is_all:
                await see_one_moment(tx)
            found = await store.page(
                tx,
                below=below,
                merchant_id=merchant_id,
                standing=standing,
                among=most + 1 if is_all else AMONG_MAX,
                limit=most + 1,
            )
            if len(found) <= most and not is_all:
                last = await store.last_among(tx, below=below, merchant_id=merchant_id, among=AMONG_MAX)
        kept = found[:most]
        following = kept[-1].number if len(found) > most else last
        return await self._told(kept, with_chain=with_chain), None if following is None else str(following)

    async def mint(self, number: int, *, seen_by: str | None, with_chain: bool = False) -> Mint:
        """Return the mint under a number.

        Raises:
            MintUnknown: there is none, or it is of another merchant's purchase.
        """
        async with self._database.transaction() as tx:
            found = await store.by_number(tx, number)
        if found is None or seen_by not in {None, found.merchant_id}:
            raise MintUnknown("there is no such mint", parameter="number")
        [told] = await self._told([found], with_chain=with_chain)
        return told

    async def _told(self, mints: Sequence[StoredMint], *, with_chain: bool) -> list[Mint]:
        """Return mints in the words that leave the house, with the chain's if that is wanted: asked once for all."""
        if not (with_chain and mints):
            return [_told(mint) for mint in mints]
        try:
            live = await self._adapter.mints([mint.number for mint in mints])
        except Unavailable as error:
            log.warning("mints.shown_stale", code=error.code, mints=len(mints))
            live = {}
        return [_told(mint, live.get(mint.number), is_stale=mint.number not in live) for mint in mints]


def _told(mint: StoredMint, live: LiveMint | None = None, *, is_stale: bool = False) -> Mint:
    """Return a mint in the words that leave the house."""
    return Mint(
        number=str(mint.number),
        state=mint.standing,
        cashback_id=mint.cashback_id,
        purchase_id=mint.purchase_id,
        user_id=mint.user_id,
        merchant_id=mint.merchant_id,
        recipient=mint.recipient,
        token_units=str(mint.token_units),
        requested_at=mint.requested_at,
        minted_at=mint.minted_at,
        transaction_hash=mint.transaction_hash,
        block_number=None if mint.block_number is None else str(mint.block_number),
        block_hash=mint.block_hash,
        failure=mint.failure,
        chain=None if live is None else _word(live),
        is_stale=is_stale,
    )


def _word(live: LiveMint) -> ChainWord:
    """Return the adapter's word."""
    return ChainWord(
        state=live.state,
        transaction_hash=live.transaction_hash,
        block_number=None if live.block_number is None else str(live.block_number),
        submitted_at=live.submitted_at,
        included_at=live.included_at,
        final_at=live.final_at,
    )

"""Rulesets as operators work with them: each order once, the ledger decides what becomes of it."""

import msgspec

from cashback import ledger
from cashback.ledger import (
    Change,
    DraftAnswer,
    DraftChange,
    DraftStory,
    Finding,
    MintLimit,
    NewDraft,
    Publication,
    RulesetDocument,
    RulesetReadings,
    VersionAnswer,
    VersionStory,
    WithdrawalAnswer,
)
from cashback.purchases.model import Order, Outcome
from cashback.purchases.service.orders import Named, Orders

__all__ = [
    "Change",
    "DraftAnswer",
    "DraftChange",
    "DraftStory",
    "Finding",
    "NewDraft",
    "Publication",
    "RulesetDocument",
    "RulesetReadings",
    "Rulesets",
    "VersionAnswer",
    "VersionStory",
    "WithdrawalAnswer",
]


class Rulesets:
    """Drafts, changes, discards, publishes and withdraws."""

    def __init__(self, orders: Orders, *, mint_limit: MintLimit | None = None) -> None:
        """Have each done once by `orders`; without `mint_limit` nobody asks how much is minted at once."""
        self._orders = orders
        self._mint_limit = mint_limit

    async def draft(self, caller: Order, new: NewDraft) -> Outcome:
        """Make a draft; the answer is a `DraftAnswer`."""
        order = msgspec.structs.replace(caller, what="draft_ruleset", terms=new)
        return await self._orders.do(order, lambda tx, now: ledger.draft_ruleset(tx, new, now=now))

    async def change(self, caller: Order, change: DraftChange) -> Outcome:
        """Give a draft another document; the answer is a `DraftAnswer`."""
        order = msgspec.structs.replace(caller, what="change_draft", terms=change)
        return await self._orders.do(order, lambda tx, now: ledger.change_draft(tx, change, now=now))

    async def discard(self, caller: Order, draft_id: str, *, reason: str, revision: int | None = None) -> Outcome:
        """Discard a draft, of that revision if one is named; the answer is a `DraftAnswer`."""
        order = msgspec.structs.replace(caller, what="discard_draft", terms=Named(id=draft_id, reason=reason))
        return await self._orders.do(
            order, lambda tx, now: ledger.discard_draft(tx, draft_id, revision=revision, now=now)
        )

    async def publish(self, caller: Order, publication: Publication) -> Outcome:
        """Publish a draft; the answer is a `VersionAnswer`."""
        order = msgspec.structs.replace(caller, what="publish_draft", terms=publication)
        if (known := await self._orders.known(order)) is not None:
            return known
        limit = None if self._mint_limit is None else await self._mint_limit.told()
        return await self._orders.do(
            order, lambda tx, now: ledger.publish_draft(tx, publication, now=now, mint_limit=limit)
        )

    async def withdraw(self, caller: Order, ruleset_id: str, *, reason: str) -> Outcome:
        """Withdraw a version that has not started; the answer is a `WithdrawalAnswer`."""
        order = msgspec.structs.replace(caller, what="withdraw_ruleset", terms=Named(id=ruleset_id, reason=reason))
        return await self._orders.do(
            order, lambda tx, now: ledger.withdraw_ruleset(tx, ruleset_id, reason=reason, now=now)
        )

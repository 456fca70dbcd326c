"""Campaigns as operators work with them: each order once, the ledger decides what becomes of it."""

import msgspec

from cashback import ledger
from cashback.ledger import BudgetChange, BudgetStory, CampaignAnswer, CampaignReadings, MintLimit, NewCampaign
from cashback.purchases.model import Order, Outcome
from cashback.purchases.service.orders import Named, Orders

__all__ = ["BudgetChange", "BudgetStory", "CampaignAnswer", "CampaignReadings", "Campaigns", "NewCampaign"]


class Campaigns:
    """Creates campaigns, raises, lowers and evens out their budgets, and closes them."""

    def __init__(self, orders: Orders, *, mint_limit: MintLimit | None = None) -> None:
        """Have each done once by `orders`; without `mint_limit` nobody asks how much is minted at once."""
        self._orders = orders
        self._mint_limit = mint_limit

    async def create(self, caller: Order, new: NewCampaign) -> Outcome:
        """Create a campaign; the answer is a `CampaignAnswer`."""
        order = msgspec.structs.replace(caller, what="create_campaign", terms=new)
        return await self._orders.do(order, lambda tx, now: ledger.create_campaign(tx, new, now=now))

    async def change(self, caller: Order, change: BudgetChange) -> Outcome:
        """Raise or lower a budget; the answer is a `CampaignAnswer`."""
        order = msgspec.structs.replace(caller, what="change_budget", terms=change)
        if (known := await self._orders.known(order)) is not None:
            return known
        limit = None if self._mint_limit is None else await self._mint_limit.told()
        return await self._orders.do(order, lambda tx, now: ledger.change_budget(tx, change, now=now, mint_limit=limit))

    async def close(self, caller: Order, campaign_id: str, *, reason: str) -> Outcome:
        """Close a campaign; the answer is a `CampaignAnswer`."""
        order = msgspec.structs.replace(caller, what="close_campaign", terms=Named(id=campaign_id, reason=reason))
        return await self._orders.do(
            order, lambda tx, now: ledger.close_campaign(tx, campaign_id, reason=reason, now=now)
        )

    async def rebalance(self, caller: Order, campaign_id: str, *, reason: str) -> Outcome:
        """Even out the stripes of a campaign; the answer is a `CampaignAnswer`."""
        order = msgspec.structs.replace(caller, what="rebalance_campaign", terms=Named(id=campaign_id, reason=reason))
        return await self._orders.do(order, lambda tx, now: ledger.rebalance_campaign(tx, campaign_id, now=now))

"""Budgets in their stripes: raised, lowered and evened out, while recording grants from one or several of them."""

from datetime import datetime

from cashback.kernel.db import Tx
from cashback.kernel.money import Minor
from cashback.ledger.model.books import Account, AccountKind, Cause, Posting
from cashback.ledger.model.campaigns import BudgetBelowReserved, Campaign
from cashback.ledger.rules.stripes import evened, spread, taken
from cashback.ledger.service.posting import post
from cashback.ledger.store import books
from cashback.ledger.store import campaigns as store


async def fund(tx: Tx, campaign: Campaign, amount: Minor, *, now: datetime) -> None:
    """Put more into a campaign's budget, split over its stripes, all of which exist from then on."""
    stripes = [_stripe(campaign, stripe) for stripe in range(campaign.stripes)]
    await books.open_accounts(tx, stripes)
    source = Account(campaign.id, AccountKind.FUNDING, campaign.currency)
    parts = zip(stripes, spread(amount, campaign.stripes), strict=True)
    postings = [
        Posting(debit=source, credit=stripe, amount=part, cause=Cause.FUNDING) for stripe, part in parts if part
    ]
    await post(tx, postings, at=now)


async def withdraw(tx: Tx, campaign: Campaign, amount: Minor, *, now: datetime) -> None:
    """Take out of a campaign's budget what nobody was promised.

    Raises:
        BudgetBelowReserved: less than that is left.
    """
    held = await store.lock_stripes(tx, [campaign.id])
    left = sum(held.values())
    if amount > left:
        raise BudgetBelowReserved(
            f"{left} minor units are left, the rest is promised or spent", pointer="/amount_minor", left_minor=str(left)
        )
    source = Account(campaign.id, AccountKind.FUNDING, campaign.currency)
    parts = taken({account.stripe: balance for account, balance in held.items()}, amount)
    postings = [
        Posting(debit=_stripe(campaign, stripe), credit=source, amount=part, cause=Cause.WITHDRAWAL)
        for stripe, part in sorted(parts.items())
    ]
    await post(tx, postings, at=now)


async def rebalance(tx: Tx, campaign: Campaign, *, now: datetime) -> int:
    """Even a campaign's stripes out; return how many moves that took, 0 when they were even."""
    held = await store.lock_stripes(tx, [campaign.id])
    moves = evened({account.stripe: balance for account, balance in held.items()})
    postings = [
        Posting(debit=_stripe(campaign, giver), credit=_stripe(campaign, taker), amount=amount, cause=Cause.REBALANCING)
        for giver, taker, amount in moves
    ]
    await post(tx, postings, at=now)
    return len(moves)


def _stripe(campaign: Campaign, stripe: int) -> Account:
    """Return one account of a campaign's budget."""
    return Account(campaign.id, AccountKind.BUDGET, campaign.currency, stripe)

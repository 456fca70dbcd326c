"""Budgets in their stripes: raised, lowered, evened out, and reserved from while others do the same.

reserve ──home stripes hold what is wanted──▶ reserved, only these locked
└──one is short──▶ let go, all stripes locked in order ──▶ the home stripe borrows ──▶ reserved, what there is
"""

from collections.abc import Mapping
from datetime import datetime

from cashback.kernel.db import Tx
from cashback.kernel.money import Minor
from cashback.ledger.model.books import Account, AccountKind, Cause, Posting
from cashback.ledger.model.campaigns import BudgetBelowReserved, Campaign, Reserved
from cashback.ledger.rules.stripes import evened, spread, taken
from cashback.ledger.service.posting import post
from cashback.ledger.store import books
from cashback.ledger.store import campaigns as store


async def reserve(tx: Tx, wants: Mapping[str, Minor], *, home: int, now: datetime) -> dict[str, Reserved]:
    """Return what each campaign can give of what is wanted of it, and out of which account, locked until `tx` ends.

    Every account returned holds at least the amount beside it: `home` says which stripe is asked first, and it borrows
    from its neighbours before anybody is declined. What a campaign cannot give is missing from its amount, never from
    another's. It must be the first of `tx` to lock accounts: then no two of these wait for each other in a circle.
    """
    campaigns = sorted(wants)
    await store.mark(tx)
    held = await store.lock_stripe(tx, campaigns, home=home)
    if any(balance < wants[account.owner] for account, balance in held.items()):
        # What was locked is let go before all stripes are locked in order.
        await store.let_go(tx)
        held = await _borrowed(tx, wants, home=home, now=now)
    return {
        account.owner: Reserved(account=account, amount=Minor(min(balance, wants[account.owner])))
        for account, balance in held.items()
    }


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


async def _borrowed(tx: Tx, wants: Mapping[str, Minor], *, home: int, now: datetime) -> dict[Account, int]:
    """Return the home stripes with what they hold once they have borrowed what they lack, all stripes locked."""
    held = await store.lock_stripes(tx, sorted(wants))
    stripes: dict[str, list[Account]] = {}
    for account in held:
        stripes.setdefault(account.owner, []).append(account)
    homes: dict[Account, int] = {}
    postings = []
    for owner, accounts in sorted(stripes.items()):
        own = next(account for account in accounts if account.stripe == home % len(accounts))
        others = {account.stripe: held[account] for account in accounts if account != own}
        missing = max(min(int(wants[owner]), held[own] + sum(others.values())) - held[own], 0)
        for stripe, amount in taken(others, Minor(missing)).items():
            giver = Account(owner, AccountKind.BUDGET, own.currency, stripe)
            postings.append(Posting(debit=giver, credit=own, amount=amount, cause=Cause.REBALANCING))
        homes[own] = held[own] + missing
    await post(tx, postings, at=now)
    return homes


def _stripe(campaign: Campaign, stripe: int) -> Account:
    """Return one account of a campaign's budget."""
    return Account(campaign.id, AccountKind.BUDGET, campaign.currency, stripe)

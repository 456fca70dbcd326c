"""Deciding a batch of claims in its transaction, set-based.

    terms ▶ the users' past, where a ruleset asks for it ▶ rates ▶ earn, claim by claim
          ▶ merchants' counters locked ▶ budgets and users' accounts locked ▶ the other counters read
          ▶ fold: each sees what those before it left

Everything is locked in one order, each kind sorted, so two processes neither pass a limit together nor wait for each
other for ever: users' pasts, then merchants' counters, then accounts. A user's counters are protected by the user's
approved account, which is always among those locked, and a campaign's by all stripes of its budget: they are read and
counted on without a lock of their own, which would cost as much as everything else that counting does.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cashback.kernel.db import Tx
from cashback.kernel.money import Currency, Minor
from cashback.ledger.model import Account, AccountKind, Claim
from cashback.ledger.model.codes import Limit
from cashback.ledger.model.engine import CounterKey, Exchange, Judgement, Paying, ProgrammeFacts, Published, Running
from cashback.ledger.model.terms import Terms
from cashback.ledger.rules import budget_of, currency_of
from cashback.ledger.rules.engine import Claimed, asks_for_past, earn, fold, keys_of
from cashback.ledger.rules.past import with_past
from cashback.ledger.service.posting import Held, hold
from cashback.ledger.store import counters
from cashback.ledger.store import terms as store

RULESETS_KEPT: Final = 256
_known: Final[dict[str, Published]] = {}
"""Published rulesets by id: they never change, so each process reads a document once."""


class Decided(msgspec.Struct, frozen=True):
    """What a batch came to: a judgement for each claim, the terms, and the accounts that are held for its postings."""

    judgements: list[Judgement]
    terms: Terms | None
    held: Held


async def decide_claims(tx: Tx, claims: Sequence[Claim], *, now: datetime) -> Decided:
    """Return a judgement for each claim in order; what they may be paid from stays locked until `tx` ends."""
    times = [claim.facts.occurred_at for claim in claims]
    terms = await store.in_force(tx, earliest=min(times), latest=max(times))
    published = await _rulesets(tx, terms)
    claims = await _with_pasts(tx, claims, terms, published, now)
    exchanges = await _exchanges(tx, claims, terms)
    claimed = [_claimed(claim, terms, published, exchanges) for claim in claims]
    keys = sorted({key for each in claimed for key in keys_of(each)})
    at_merchants = _by_name(key for key in keys if key.limit is Limit.MERCHANT_DAY)
    running: Running = await counters.lock(tx, at_merchants) if at_merchants else {}
    held = await hold(tx, _accounts(claimed, keys, terms, now)) if keys else {}
    protected = _by_name(key for key in keys if _is_protected(key, terms))
    if protected:
        running |= await counters.read(tx, protected)
    before = dict(running)
    paying = _paying(terms, held)
    judgements = fold(claimed, running, paying, terms.conversion if terms is not None else None)
    taken = {
        key: Minor(running[key] - before.get(key, 0))
        for key in (*at_merchants, *protected)
        if running.get(key, 0) != before.get(key, 0)
    }
    if taken:
        await counters.add(tx, taken)
    return Decided(judgements, terms, held)


async def _rulesets(tx: Tx, terms: Terms | None) -> Mapping[str, Published]:
    """Return the rulesets of the terms by id, reading those that this process has not read before."""
    wanted = [version.id for version in terms.versions] if terms is not None else []
    missing = [each for each in wanted if each not in _known]
    if missing:
        if len(_known) + len(missing) > RULESETS_KEPT:
            _known.clear()
            missing = wanted
        _known.update({ruleset.id: ruleset for ruleset in await store.rulesets(tx, missing)})
    return {each: _known[each] for each in wanted}


async def _with_pasts(
    tx: Tx, claims: Sequence[Claim], terms: Terms | None, published: Mapping[str, Published], now: datetime
) -> Sequence[Claim]:
    """Return the claims with their users' pasts in their facts, where any ruleset asks for that; users are locked."""
    if terms is None or not any(asks_for_past(ruleset) for ruleset in published.values()):
        return claims
    users = sorted({claim.user_id for claim in claims})
    await counters.lock_pasts(tx, users)
    merchants = sorted({claim.facts.merchant_id for claim in claims})
    return with_past(claims, await counters.pasts(tx, users, merchants=merchants, now=now))


async def _exchanges(tx: Tx, claims: Sequence[Claim], terms: Terms | None) -> Mapping[tuple[str, datetime], Exchange]:
    """Return the rates that the claims in other currencies need, as far as there are any."""
    if terms is None:
        return {}
    foreign = {
        (claim.facts.currency, claim.facts.occurred_at)
        for claim in claims
        if claim.facts.currency != terms.funding.code
    }
    wanted: list[tuple[Currency, datetime]] = [
        (currency, at) for code, at in sorted(foreign) if (currency := currency_of(code)) is not None
    ]
    return await store.exchanges(tx, terms.funding, wanted) if wanted else {}


def _claimed(
    claim: Claim,
    terms: Terms | None,
    published: Mapping[str, Published],
    exchanges: Mapping[tuple[str, datetime], Exchange],
) -> Claimed:
    """Return what one claim earns before any limit."""
    facts = claim.facts
    if terms is None:
        return Claimed(user_id=claim.user_id, earned=earn(facts, None, None))
    version = terms.version_at(facts.occurred_at)
    ruleset = published[version.id] if version is not None else None
    programme = ProgrammeFacts(
        id=terms.programme_id,
        funding=terms.funding,
        time_zone=terms.time_zone,
        is_paused=terms.is_paused,
        closed=_closed(terms, ruleset, facts.occurred_at),
    )
    exchange = exchanges.get((facts.currency, facts.occurred_at))
    return Claimed(user_id=claim.user_id, earned=earn(facts, programme, ruleset, exchange))


def _closed(terms: Terms, ruleset: Published | None, at: datetime) -> tuple[str, ...]:
    """Return the campaigns of a ruleset that paid nothing then."""
    named = {rule.campaign for rule in ruleset.rules.rules} if ruleset is not None else set()
    is_open = {campaign.id for campaign in terms.campaigns.values() if campaign.is_open(at)}
    return tuple(sorted(named - is_open))


def _is_protected(key: CounterKey, terms: Terms | None) -> bool:
    """Return whether a counter is a row that accounts protect: budgets are none, nor days that are not limited."""
    if key.limit is Limit.CAMPAIGN_DAY:
        return _day_limit(terms, key.owner) is not None
    return key.limit not in {Limit.CAMPAIGN_TOTAL, Limit.MERCHANT_DAY}


def _by_name(keys: Iterable[CounterKey]) -> list[CounterKey]:
    """Return counters by owner, subject, kind and period, as the store locks them."""
    return sorted(keys, key=lambda key: (key.owner, key.subject, key.limit, key.period))


def _accounts(
    claimed: Sequence[Claimed], keys: Iterable[CounterKey], terms: Terms | None, now: datetime
) -> list[Account]:
    """Return the accounts that the grants may move: every stripe of the budgets, and what users may be credited on.

    A user's approved account is always among them: see the head of this module.
    """
    if terms is None:
        return []
    currency, accounts = terms.funding.code, set[Account]()
    for campaign in {key.owner for key in keys if key.limit is Limit.CAMPAIGN_TOTAL}:
        stripes = terms.campaigns[campaign].stripes
        accounts |= {budget_of(campaign, currency, stripe) for stripe in range(stripes)}
    for each in claimed:
        earned = each.earned
        if earned.reason is not None or earned.ruleset is None:
            continue
        is_held = earned.facts.occurred_at + terms.hold > now
        bounds = (terms.review_above, earned.ruleset.rules.review_above)
        may_be_reviewed = earned.review is not None or any(bound is not None for bound in bounds)
        if is_held or may_be_reviewed:
            accounts.add(Account(each.user_id, AccountKind.PENDING, currency))
        accounts.add(Account(each.user_id, AccountKind.APPROVED, currency))
    return sorted(accounts)


def _paying(terms: Terms | None, held: Held) -> dict[str, Paying]:
    """Return what each campaign can pay: what all stripes of its budget hold."""
    if terms is None:
        return {}
    budgets: dict[str, int] = {}
    for account, (_, balance) in held.items():
        if account.kind is AccountKind.BUDGET:
            budgets[account.owner] = budgets.get(account.owner, 0) + balance
    return {
        campaign: Paying(
            budget=Minor(budget),
            day=terms.campaigns[campaign].day_limit,
            exhaustion=terms.campaigns[campaign].exhaustion,
        )
        for campaign, budget in budgets.items()
    }


def _day_limit(terms: Terms | None, campaign: str) -> Minor | None:
    """Return how much a campaign pays in a day at most, None for no limit."""
    return terms.campaigns[campaign].day_limit if terms is not None else None

"""Deciding a batch of claims in its transaction, set-based.

    terms of each programme that takes one of the currencies then ▶ the users' past, where a ruleset asks for it ▶ rates
          ▶ earn, claim by claim ▶ merchants' counters locked ▶ budgets and users' accounts locked
          ▶ the other counters read ▶ fold, programme by programme: each sees what those before it left

Everything is locked in one order, each kind sorted, so two processes neither pass a limit together nor wait for each
other for ever: users' pasts, then merchants' counters, then accounts. A user's counters are protected by the user's
approved account, which is always among those locked, and a campaign's by all stripes of its budget: they are read and
counted on without a lock of their own, which would cost as much as everything else that counting does.

A budget of several stripes that is not limited by the day is tried by one of them alone, which the batch's first
purchase chooses: two processes then grant from one campaign side by side. Where that stripe holds less than the batch
may want, it is let go and all are locked in order, so nobody is declined for what another stripe still holds. All are
locked at once where the same transaction gives something back afterwards, which goes to the first stripe.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cashback.kernel.db import Tx
from cashback.kernel.money import Currency, Minor
from cashback.ledger.model import Account, AccountKind, Claim
from cashback.ledger.model.codes import Limit, Waited
from cashback.ledger.model.decisions import Conversion
from cashback.ledger.model.engine import CounterKey, Exchange, Judgement, Paying, ProgrammeFacts, Published, Running
from cashback.ledger.model.terms import CampaignTerms, Takers, Terms
from cashback.ledger.rules import budget_of, currency_of
from cashback.ledger.rules.engine import Claimed, asks_for_past, campaigns_of, earn, fold, keys_of
from cashback.ledger.rules.past import with_past
from cashback.ledger.rules.stripes import home
from cashback.ledger.service.posting import Held, hold
from cashback.ledger.service.published import PublishedRulesets
from cashback.ledger.store import books, counters
from cashback.ledger.store import terms as store

_ELSEWHERE: Final = frozenset({Limit.CAMPAIGN_TOTAL, Limit.MERCHANT_DAY})
"""Limits that are accounts, or whose counters have locks of their own."""


class Decided(msgspec.Struct, frozen=True):
    """What a batch came to: for each claim a judgement and its terms; and the accounts held for its postings."""

    judgements: list[Judgement]
    terms: list[Terms | None]
    held: Held


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """A second decision: under the programme of the first, by purchase without the campaigns that pay nothing more.

    `waited` says of a purchase why waiting for one of those has ended.
    """

    programme_id: str
    without: Mapping[str, frozenset[str]]
    waited: Mapping[str, Waited]


class _Rules(msgspec.Struct, frozen=True):
    """What claims are decided under: programmes by what they take, their rulesets by id, rates of exchange."""

    takers: Takers
    published: Mapping[str, Published]
    exchanges: Mapping[tuple[str, str, datetime], Exchange] = {}
    without: Mapping[str, frozenset[str]] = {}
    waited: Mapping[str, Waited] = {}

    @property
    def campaigns(self) -> dict[str, tuple[CampaignTerms, str]]:
        """Return every campaign of the programmes by id, each with the currency of its budget."""
        return {
            campaign.id: (campaign, terms.funding.code)
            for terms in self.takers.programmes
            for campaign in terms.campaigns.values()
        }


async def decide_claims(
    tx: Tx,
    claims: Sequence[Claim],
    rulesets: PublishedRulesets,
    *,
    now: datetime,
    again: Again | None = None,
    gives_back: bool = False,
) -> Decided:
    """Return a judgement for each claim in order; what they may be paid from stays locked until `tx` ends.

    What is decided `again` keeps its facts, the past of its user among them. With `gives_back` so does every stripe to
    which something may go back before `tx` ends.
    """
    times = [claim.facts.occurred_at for claim in claims]
    currencies = sorted({claim.facts.currency for claim in claims})
    programme = None if again is None else again.programme_id
    takers = await store.in_force(tx, currencies, earliest=min(times), latest=max(times), programme_id=programme)
    published = await rulesets.of(tx, sorted({version.id for terms in takers.programmes for version in terms.versions}))
    if again is None:
        claims = await _with_pasts(tx, claims, published, now)
    rules = _Rules(takers, published, await _exchanges(tx, claims, takers))
    if again is not None:
        rules = msgspec.structs.replace(rules, without=again.without, waited=again.waited)
    claimed = [_claimed(claim, rules) for claim in claims]
    keys = {key for each in claimed for key in keys_of(each)}
    at_merchants = _by_name(key for key in keys if key.limit is Limit.MERCHANT_DAY)
    found = await counters.lock(tx, at_merchants) if at_merchants else {}
    held = await _held(tx, claimed, rules, now, gives_back=gives_back) if keys else {}
    protected = _by_name(key for key in keys if _is_protected(key, rules.campaigns))
    if protected:
        found |= await counters.read(tx, protected)
    running: Running = {key: used for key, (_, used) in found.items()}
    of_claims = [takers.at(claim.facts.currency, claim.facts.occurred_at) for claim in claims]
    judgements = _judged(claimed, of_claims, running, _paying(rules.campaigns, held))
    taken = {
        key: Minor(more)
        for key in (*at_merchants, *protected)
        if (more := running.get(key, 0) - (found[key][1] if key in found else 0))
    }
    if taken:
        await counters.add(tx, found, taken)
    return Decided(judgements, of_claims, held)


def _judged(
    claimed: Sequence[Claimed], terms: Sequence[Terms | None], running: Running, paying: Mapping[str, Paying]
) -> list[Judgement]:
    """Return a judgement for each claim in order; programmes share no counter, so each folds its own claims."""
    places: dict[str, list[int]] = {}
    conversions: dict[str, Conversion | None] = {}
    for place, each in enumerate(terms):
        programme = each.programme_id if each is not None else ""
        places.setdefault(programme, []).append(place)
        conversions[programme] = each.conversion if each is not None else None
    judged: dict[int, Judgement] = {}
    for programme, found in places.items():
        folded = fold([claimed[place] for place in found], running, paying, conversions[programme])
        judged |= zip(found, folded, strict=True)
    return [judged[place] for place in range(len(claimed))]


async def _with_pasts(
    tx: Tx, claims: Sequence[Claim], published: Mapping[str, Published], now: datetime
) -> Sequence[Claim]:
    """Return the claims with their users' pasts in their facts, where any ruleset asks for that; users are locked."""
    if not any(asks_for_past(ruleset) for ruleset in published.values()):
        return claims
    users = sorted({claim.user_id for claim in claims})
    await counters.lock_pasts(tx, users)
    buying = [(claim.user_id, claim.facts.merchant_id) for claim in claims]
    return with_past(claims, await counters.pasts(tx, buying, now=now))


async def _exchanges(tx: Tx, claims: Sequence[Claim], takers: Takers) -> Mapping[tuple[str, str, datetime], Exchange]:
    """Return the rates that the claims in other currencies need, as far as there are any."""
    told = sorted({(claim.facts.currency, claim.facts.occurred_at) for claim in claims})
    wanted: list[tuple[Currency, Currency, datetime]] = [
        (base, terms.funding, at)
        for code, at in told
        if (terms := takers.at(code, at)) is not None and code != terms.funding.code
        if (base := currency_of(code)) is not None
    ]
    return await store.exchanges(tx, wanted) if wanted else {}


def _claimed(claim: Claim, rules: _Rules) -> Claimed:
    """Return what one claim earns before any limit."""
    facts = claim.facts
    terms = rules.takers.at(facts.currency, facts.occurred_at)
    if terms is None:
        return Claimed(user_id=claim.user_id, earned=earn(facts, None, None))
    version = terms.version_at(facts.occurred_at)
    ruleset = rules.published[version.id] if version is not None else None
    programme = ProgrammeFacts(
        id=terms.programme_id,
        funding=terms.funding,
        time_zone=terms.time_zone,
        is_paused=terms.is_paused,
        closed=_closed(terms, ruleset, facts.occurred_at, rules.without.get(claim.purchase_id, frozenset())),
        waited=rules.waited.get(claim.purchase_id),
    )
    exchange = rules.exchanges.get((facts.currency, terms.funding.code, facts.occurred_at))
    return Claimed(user_id=claim.user_id, earned=earn(facts, programme, ruleset, exchange))


def _closed(terms: Terms, ruleset: Published | None, at: datetime, without: frozenset[str]) -> tuple[str, ...]:
    """Return the campaigns of a ruleset that paid nothing then, and those that pay nothing more."""
    if ruleset is None:
        return ()
    is_open = {campaign.id for campaign in terms.campaigns.values() if campaign.is_open(at)} - without
    return tuple(name for name in campaigns_of(ruleset) if name not in is_open)


def _is_protected(key: CounterKey, campaigns: Mapping[str, tuple[CampaignTerms, str]]) -> bool:
    """Return whether a counter is a row that accounts protect: budgets are none, nor days that are not limited."""
    if key.limit is Limit.CAMPAIGN_DAY:
        return campaigns[key.owner][0].day_limit is not None
    return key.limit not in _ELSEWHERE


def _by_name(keys: Iterable[CounterKey]) -> list[CounterKey]:
    """Return counters by owner, subject, kind and period, as the store locks them."""
    return sorted(keys, key=lambda key: (key.owner, key.subject, key.limit, key.period))


async def _held(tx: Tx, claimed: Sequence[Claimed], rules: _Rules, now: datetime, *, gives_back: bool) -> Held:
    """Return what the grants may move, locked in order until `tx` ends; of a budget one stripe, if that suffices.

    A user's approved account is always among them: see the head of this module.
    """
    users, wants = _users(claimed, rules.takers, now), _wants(claimed)
    first, whole, alone = claimed[0], set[Account](), set[Account]()
    for owner in wants:
        campaign, currency = rules.campaigns[owner]
        stripes = [budget_of(owner, currency, stripe) for stripe in range(campaign.stripes)]
        own = home(first.user_id, first.earned.facts.occurred_at, stripes=campaign.stripes)
        whole |= set(stripes)
        # What is limited by the day is counted under the locks of all stripes.
        alone |= {stripes[own]} if campaign.day_limit is None else set(stripes)
    if alone == whole or gives_back:
        return await hold(tx, sorted(users | whole))
    await books.mark(tx)
    held = await hold(tx, sorted(users | alone))
    found: dict[str, int] = {}
    for account in alone:
        found[account.owner] = found.get(account.owner, 0) + held[account][1]
    if all(found[owner] >= want for owner, want in wants.items()):
        return held
    # What was locked is let go before all stripes are locked in order: nobody waits in a circle.
    await books.let_go(tx)
    return await hold(tx, sorted(users | whole))


def _wants(claimed: Iterable[Claimed]) -> dict[str, int]:
    """Return by campaign the most that the claims take out of its budget together."""
    wants: dict[str, int] = {}
    for each in claimed:
        for campaign, parts in each.earned.grants.items() if keys_of(each) else ():
            wants[campaign] = wants.get(campaign, 0) + sum(parts)
    return wants


def _users(claimed: Sequence[Claimed], takers: Takers, now: datetime) -> set[Account]:
    """Return the accounts that users may be credited on."""
    accounts = set[Account]()
    for each in claimed:
        earned = each.earned
        of = takers.at(earned.facts.currency, earned.facts.occurred_at)
        if earned.reason is not None or earned.ruleset is None or of is None:
            continue
        is_held = earned.facts.occurred_at + of.hold > now
        bounds = (of.review_above, earned.ruleset.rules.review_above)
        may_be_reviewed = earned.review is not None or any(bound is not None for bound in bounds)
        if is_held or may_be_reviewed:
            accounts.add(Account(each.user_id, AccountKind.PENDING, of.funding.code))
        accounts.add(Account(each.user_id, AccountKind.APPROVED, of.funding.code))
    return accounts


def _paying(campaigns: Mapping[str, tuple[CampaignTerms, str]], held: Held) -> dict[str, Paying]:
    """Return what each campaign can pay: what the stripes of its budget that are held come to."""
    budgets: dict[str, int] = {}
    for account, (_, balance) in held.items():
        if account.kind is AccountKind.BUDGET:
            budgets[account.owner] = budgets.get(account.owner, 0) + balance
    return {
        campaign: Paying(
            budget=Minor(budget), day=campaigns[campaign][0].day_limit, exhaustion=campaigns[campaign][0].exhaustion
        )
        for campaign, budget in budgets.items()
    }

"""Everything that locks cashbacks and accounts, by two processes at once: nobody waits in a circle (I1, I4, I8).

| transaction            | locks, in this order                                                                    |
|------------------------|-----------------------------------------------------------------------------------------|
| recording              | keys, parking (shared), parked refunds, users' pasts, merchants' counters, accounts     |
| refunding              | parking, cashbacks by position, keys, accounts                                          |
| releasing and expiring | cashbacks that nobody else holds, accounts                                              |
| deciding the waitlist  | a campaign's line, cashbacks that nobody else holds, merchants' counters, accounts      |
| requesting             | wallets and cashbacks that nobody else holds, accounts                                  |
| settling, giving back  | cashbacks by position, accounts                                                         |
| writing off            | keys, accounts                                                                          |
| giving by hand         | keys, what all budgets come to, accounts                                                |
| taking back by hand    | the cashback, keys, accounts                                                            |

Accounts are locked by number, and partitions of outboxes last of all.
A cashback that recording has just made is seen by nobody else before its commit, so it may be locked after accounts.
"""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from random import Random
from typing import Any, Final

import msgspec
import pytest

from cashback.events.minting import TokenMinted, TokenMintFailed
from cashback.ledger import change_budget
from cashback.ledger.model import DebtUnknown, NothingOwed, Programme
from cashback.ledger.model.adjustments import BudgetTooSmall, DebitAboveRest
from cashback.ledger.model.campaigns import BudgetChange
from cashback.ledger.model.codes import Exhaustion
from cashback.ledger.model.rulesets import AmountIs, Limits, Rules
from cashback.ledger.service import Waitlist
from cashback.ledger.service.waitlist import WaitlistPolicy
from cashback.purchases.model import OPERATOR, Merchant, NewPurchase, Outcome, PurchaseAnswer, Recorded, Refused, User
from cashback.purchases.model.refunds import DebtWriteOff, NewRefund, RefundAbovePurchase
from tests.integration.ledger.adjusting import adjustments_of, credit_of, debit_of
from tests.integration.ledger.lives import life_of
from tests.integration.ledger.programme_rules import campaign, publish, rule
from tests.integration.ledger.refunding import ahead_of, debt_write_offs_of, give_back, refunds_of, write_offs_of
from tests.integration.ledger.world import Dsns, World, buy, failed_outcome, minted_outcome, new_key, open_world

TURNS: Final = 6
LIMIT: Final = 50_000
MINTED: Final = 0.7
RETIRED: Final = "number_retired"
BATCH: Final = 8
REFUNDS: Final = 6
DEBITS: Final = 3
ROUNDS: Final = 4
TERMS: Final = """
    update ledger.programmes
    set hold_days = 1, review_above_minor = 1900, expire_after_days = 2, write_off_after_days = 1
    where id = %s
"""


class Crowd(msgspec.Struct, frozen=True):
    """Who buys, and where; what was bought so far, under which names; and the source of chance."""

    chance: Random
    users: list[User]
    merchants: list[Merchant]
    bought: list[PurchaseAnswer]
    names: set[str]

    def fresh(self, name: str) -> str:
        """Return a name that no purchase has: this one, the first time."""
        found = f"{name}-{len(self.names)}" if name in self.names else name
        self.names.add(found)
        return found

    def purchases(self, world: World, turn: int) -> list[NewPurchase]:
        """Return a batch of purchases: some are still held, some are not any more, some are awaited by a refund."""
        return [
            buy(
                self.chance.choice(self.users),
                self.chance.choice(self.merchants),
                self.chance.randrange(1_000, 20_000),
                occurred_at=world.clock.now() - timedelta(days=self.chance.randrange(3)),
                reference=self.fresh(f"A-{turn}-{self.chance.randrange(BATCH)}"),
            )
            for _ in range(BATCH)
        ]

    def refunds(self, turn: int) -> list[NewRefund]:
        """Return a batch of refunds of what was bought before or is being bought now, whole or in part."""
        some = self.chance.choices(self.bought, k=BATCH) if self.bought else []
        back = [give_back(one, self.chance.choice((1_000, int(one.amount_minor)))) for one in some]
        names = [f"A-{turn}-{self.chance.randrange(BATCH)}" for _ in range(2)]
        return [*back, *[ahead_of(self.chance.choice(self.merchants), name, 700) for name in names]]


@pytest.mark.invariant("I1", "I4", "I8")
async def test_all_that_moves_cashbacks_and_accounts_never_waits_in_a_circle(dsns: Dsns, world: World) -> None:
    """Nothing fails for a lock, everything adds up after each turn, and no limit is passed."""
    programme = await world.programme()
    waits, striped = await _with_rules(world, programme)
    chance = Random(4)  # noqa: S311  # which purchases are drawn, not a secret
    users = [await world.user(), await world.user(), await world.user(wallet=None)]
    crowd = Crowd(chance, users, [await world.merchant(), await world.merchant()], [], set())
    async with open_world(dsns) as other:
        for turn in range(TURNS):
            settled = await _outcomes(world, chance)
            done = await asyncio.gather(
                *[act for each in (world, other) for act in _acts(each, crowd, turn, waits)],
                *[each.settle(*settled) for each in (world, other)],
                *[_write_off(each, user) for each, user in zip((world, other, world), users, strict=True)],
                *[_credit(each, users[0], programme, pays) for each in (world, other) for pays in (None, striped)],
                *[_debit(each, chance, crowd) for each in (world, other) for _ in range(DEBITS)],
            )
            outcomes = [outcome for found in done if isinstance(found, list) for outcome in _check(found)]
            crowd.bought.extend(_purchases(outcomes))
            await _give_back_numbers(world)
            await world.assert_books_prove()
            for each in (world, other):
                each.clock.advance(timedelta(hours=13))
    seen = {row[0] for row in await world.rows("select distinct to_state from ledger.cashback_transitions")}
    assert seen >= {"pending", "review", "approved", "mint_requested", "minted", "stuck", "voided", "netted", "expired"}
    left_line = await world.rows("select to_state from ledger.cashback_transitions where from_state = 'waitlisted'")
    assert {row[0] for row in left_line} >= {"review"}, "nobody who waited was granted"
    assert await world.one("select count(*) from ledger.decisions where sequence = 2") > 0
    assert await world.one("select count(*) from ledger.write_offs") > 0
    by_hand = await world.rows("select kind, count(*) from ledger.adjustments group by kind order by kind")
    assert [kind for kind, _ in by_hand] == ["credit", "debit"]
    [worst] = await world.rows("select max(used_minor) from ledger.counters where kind = 'merchant_day'")
    assert worst[0] <= LIMIT


def _acts(world: World, crowd: Crowd, turn: int, waits: str) -> list[Awaitable[Any]]:
    """Return what one process does at once in a turn; recordings come first. `waits` is a campaign with a line."""
    life = life_of(world, batch_max=5)
    waitlist = Waitlist(world.worker, clock=world.clock, policy=WaitlistPolicy(batch_max=5))
    return [
        world.purchases.record(crowd.purchases(world, turn)),
        *[refunds_of(world).refund(crowd.refunds(turn)) for _ in range(REFUNDS)],
        *[life.round() for _ in range(ROUNDS)],
        *[world.request() for _ in range(ROUNDS)],
        world.sweeper.round(),
        write_offs_of(world).round(),
        *[waitlist.round() for _ in range(2)],
        _top_up(world, waits),
    ]


async def _with_rules(world: World, programme: Programme) -> tuple[str, str]:
    """Have two campaigns pay on every purchase, one of them striped, within limits by user and by merchant.

    A third one pays on the larger ones and holds little: they wait for it. Returned: its id, and the striped one's.
    """
    paying = [
        await campaign(world, programme, budget=200_000, stripes=3),
        await campaign(world, programme, budget=200_000, day_limit=60_000, exhaustion=Exhaustion.PARTIAL_FILL),
    ]
    limits = Limits(user_month="150000", merchant_day=str(LIMIT))
    waits = await campaign(world, programme, budget=100, exhaustion=Exhaustion.WAITLIST)
    large = rule("c", waits, 100, when=(AmountIs(at_least="12000"),))
    rules = (rule("a", paying[0]), rule("b", paying[1], 500), large)
    await publish(world, programme, Rules(rules=rules, limits=limits))
    await world.rows(TERMS, programme.id)
    return waits, paying[0]


async def _top_up(world: World, campaign_id: str) -> None:
    """Raise a campaign's budget by enough for one or two of those who wait."""
    change = BudgetChange(campaign_id=campaign_id, cause="funding", amount=250, reason="they wait")
    async with world.api.transaction() as tx:
        await change_budget(tx, change, now=world.clock.now())


async def _outcomes(world: World, chance: Random) -> list[TokenMinted | TokenMintFailed]:
    """Return what became of all mints that are requested: most are minted, some have their numbers retired."""
    rows = await world.rows("select id from ledger.cashback_ledger where state = 'mint_requested' order by position")
    return [
        await (minted_outcome(world, id_) if chance.random() < MINTED else failed_outcome(world, id_, reason=RETIRED))
        for (id_,) in rows
    ]


async def _give_back_numbers(world: World) -> None:
    """Have a person give back whatever is stuck."""
    for (number,) in await world.rows("select mint_number from ledger.cashback_ledger where state = 'stuck'"):
        await world.retirements.give_back(number, by="alice", because="retired")


async def _write_off(world: World, user: User) -> None:
    """Have a person give up a token of what a user owes, if anything is owed, or ever was."""
    command = DebtWriteOff(
        owner=OPERATOR, key=new_key(), user_id=user.id, person="alice", reason="goodwill", token_units=1_000
    )
    outcome = await debt_write_offs_of(world).write_off(command)
    assert isinstance(outcome, Recorded) or isinstance(outcome.error, NothingOwed | DebtUnknown)


async def _credit(world: World, user: User, programme: Programme, campaign_id: str | None) -> None:
    """Have a person give a user 30.00 USD, out of a campaign's stripes or of the programme's own funds."""
    command = credit_of(user, programme.id, 3_000, campaign_id=campaign_id)
    outcome = await adjustments_of(world).credit(command)
    assert isinstance(outcome, Recorded) or isinstance(outcome.error, BudgetTooSmall), outcome


async def _debit(world: World, chance: Random, crowd: Crowd) -> None:
    """Have a person take back one cent of what was bought before, if so much is left."""
    if crowd.bought:
        outcome = await adjustments_of(world).debit(debit_of(chance.choice(crowd.bought).cashback.id, 1))
        assert isinstance(outcome, Recorded) or isinstance(outcome.error, DebitAboveRest), outcome


def _check(outcomes: list[Outcome]) -> list[Recorded]:
    """Return what was done; what was not must have been too much."""
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert all(isinstance(outcome.error, RefundAbovePurchase) for outcome in refused), refused
    return [outcome for outcome in outcomes if isinstance(outcome, Recorded)]


def _purchases(outcomes: list[Recorded]) -> list[PurchaseAnswer]:
    """Return the purchases among what was done."""
    answers = [outcome.answer for outcome in outcomes if b'"occurred_at"' in outcome.answer]
    return [msgspec.json.decode(answer, type=PurchaseAnswer) for answer in answers]

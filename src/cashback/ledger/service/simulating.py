"""Trying a purchase on a ruleset: decided as recording would, with what budgets hold now; nothing is stored."""

import hashlib
from collections.abc import Iterator, Sequence

from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Rejected
from cashback.kernel.instants import WANTED, is_in_range
from cashback.kernel.mistakes import first_of
from cashback.kernel.money import INT63_MAX, Minor
from cashback.ledger.model.engine import Exchange, Line, ProgrammeFacts, Published, PurchaseFacts
from cashback.ledger.model.explained import SimulatedDecision, Simulation, SimulationInvalid
from cashback.ledger.model.programmes import Programme, ProgrammeUnknown
from cashback.ledger.rules import currency_of
from cashback.ledger.rules.engine import Claimed, earn, fold, rules_of
from cashback.ledger.rules.engine.explain import explain_in_full, steps_of
from cashback.ledger.rules.programme import problem_of_currency
from cashback.ledger.service.tried import named, paying_of
from cashback.ledger.store import programmes
from cashback.ledger.store import terms as store

_NOBODY = "nobody"
"""Whose purchase it is: counters of users begin at nothing."""


class Simulations:
    """Tries purchases; any role that may select may ask."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def run(self, simulation: Simulation) -> SimulatedDecision:
        """Return what the purchase would earn by that draft or version at that instant, whatever window it has.

        Raises:
            DraftUnknown, RulesetUnknown: there is no such one.
            SimulationInvalid: the lines do not add up, or an amount or instant is out of bounds.
            CurrencyUnknown, CurrencyWithdrawn: nobody pays with it.
        """
        facts = _facts(simulation)
        async with self._database.transaction() as tx:
            programme, ruleset = await _ruleset(tx, simulation.ruleset)
            campaigns = (await store.campaigns(tx, [programme.id])).get(programme.id, {})
            held = await store.budgets(tx, sorted(campaigns))
            exchange = await _exchange(tx, programme, facts)
        closed = {rule.campaign for rule in ruleset.rules.rules} - {
            campaign.id for campaign in campaigns.values() if campaign.is_open(facts.occurred_at)
        }
        known = ProgrammeFacts(
            id=programme.id,
            funding=programme.currency,
            time_zone=programme.conditions.time_zone,
            closed=tuple(sorted(closed)),
        )
        takes = facts.currency in {programme.currency.code, *programme.conditions.accepts}
        earned = earn(facts, known, ruleset, exchange) if takes else earn(facts, None, None)
        [judged] = fold(
            [Claimed(user_id=_NOBODY, earned=earned)], {}, paying_of(campaigns.values(), held), programme.conversion
        )
        return SimulatedDecision(
            ruleset=simulation.ruleset,
            outcome=judged.verdict.outcome,
            reason=judged.verdict.reason,
            amount_minor=str(judged.verdict.amount),
            currency=programme.currency.code,
            token_units=str(judged.verdict.token_units),
            text=explain_in_full(judged, ruleset.rules),
            steps=steps_of(judged),
        )


def _facts(simulation: Simulation) -> PurchaseFacts:
    """Return what a decision knows of the purchase.

    Raises:
        SimulationInvalid, CurrencyUnknown, CurrencyWithdrawn: it is none, with pointers to all that is wrong with it.
    """
    lines = tuple(Line(Minor(int(line.amount_minor)), line.sku, line.category) for line in simulation.lines)
    problem = first_of(*_problems(simulation, lines))
    if problem is not None:
        raise problem
    return PurchaseFacts(
        merchant_id=simulation.merchant_id,
        amount=Minor(simulation.amount),
        currency=simulation.currency,
        occurred_at=simulation.occurred_at,
        received_at=simulation.received_at,
        mcc=simulation.mcc,
        lines=lines,
        user_tier=simulation.user_tier,
        is_first_purchase=simulation.is_first_purchase,
        is_first_at_merchant=simulation.is_first_at_merchant,
    )


def _problems(simulation: Simulation, lines: Sequence[Line]) -> Iterator[Rejected | None]:
    """Yield what is wrong with the purchase of a simulation."""
    for pointer, told in (("/occurred_at", simulation.occurred_at), ("/received_at", simulation.received_at)):
        if not is_in_range(told):
            yield SimulationInvalid(WANTED, pointer=pointer)
    if not 0 <= simulation.amount <= INT63_MAX:
        yield SimulationInvalid(f"an amount is 0 to {INT63_MAX} minor units", pointer="/amount_minor")
    if lines and sum(line.amount for line in lines) != simulation.amount:
        yield SimulationInvalid("the lines together are the amount", pointer="/lines")
    yield problem_of_currency(simulation.currency, pointer="/currency")


async def _ruleset(tx: Tx, name: str) -> tuple[Programme, Published]:
    """Return a draft or version with its programme, the programme first.

    Raises:
        DraftUnknown, RulesetUnknown: there is none.
    """
    tried = await named(tx, name, pointer="/ruleset")
    programme = await programmes.read(tx, programme_id=tried.programme_id)
    if programme is None:
        raise ProgrammeUnknown("there is no such programme", pointer="/ruleset")
    digest = hashlib.sha256(tried.document).hexdigest()
    return programme, Published(id=name, version=tried.version, digest=digest, rules=rules_of(tried.document))


async def _exchange(tx: Tx, programme: Programme, facts: PurchaseFacts) -> Exchange | None:
    """Return the rate that a purchase in another currency is decided at, None where there is none or needs none."""
    base = currency_of(facts.currency)
    if base is None or base.code == programme.currency.code:
        return None
    found = await store.exchanges(tx, [(base, programme.currency, facts.occurred_at)])
    return found.get((base.code, programme.currency.code, facts.occurred_at))

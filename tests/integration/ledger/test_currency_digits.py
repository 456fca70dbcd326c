"""Deciding and returning purchases in currencies of no, two, three and four digits behind the point (I1)."""

import pytest

from cashback.kernel.money import Bps, Minor, TokenRate
from cashback.ledger import Conditions, NewProgramme, NewRate, put_rate
from cashback.ledger.model.rulesets import Rules
from tests.integration.ledger.programme_rules import campaign, publish, rule
from tests.integration.ledger.refunding import give_back, refunded, standing
from tests.integration.ledger.world import START, World, buy

PLENTY = 1_000_000_000


@pytest.mark.invariant("I1")
@pytest.mark.parametrize(
    "code,minor,granted,returned,left",
    [
        ("JPY", 19_999, 599_970, 10_000, 299_970),
        ("EUR", 1_999_999, 599_999, 1_000_000, 299_999),
        ("KWD", 19_999_999, 599_999, 10_000_000, 299_999),
        ("CLF", 199_999_999, 599_999, 100_000_000, 299_999),
        ("UYW", 199_999_999, 599_999, 100_000_000, 299_999),
    ],
)
async def test_a_purchase_is_decided_and_returned_exactly_whatever_digits_its_currency_has(
    world: World, code: str, minor: int, granted: int, returned: int, left: int
) -> None:
    """A tenth of 19,999 and all that stands behind the point, at three dollars each, rounded down to the cent once.

    Ten thousand of them are sent back, and what the rest of them earned is left.
    """
    conditions = Conditions(accepts=(code,))
    terms = NewProgramme(
        name=code, currency="USD", rate=Bps(1), token_rate=TokenRate(1, 1), budget=Minor(1), conditions=conditions
    )
    programme = await world.start(terms)
    pays = await campaign(world, programme, budget=PLENTY)
    await publish(world, programme, Rules(rules=(rule("a", pays),)))
    rate = NewRate(base=code, quote="USD", numerator=3, denominator=1, source="bank", as_of=START)
    async with world.api.transaction() as tx:
        await put_rate(tx, rate, now=START)
    user, merchant = await world.user(), await world.merchant()
    [bought] = await world.record(buy(user, merchant, minor, currency=code))
    assert (bought.cashback.state, bought.cashback.amount_minor, bought.cashback.token_units) == (
        "approved",
        str(granted),
        str(granted * 10_000),
    )
    [answer] = await refunded(world, give_back(bought, returned))
    assert (answer.amount_minor, answer.currency) == (str(returned), code)
    after = await standing(world, bought)
    assert (after["net_minor"], after["payable_minor"], after["payable_units"]) == (left, left, left * 10_000)
    await world.assert_books_prove()

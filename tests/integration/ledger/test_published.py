"""Published rulesets as whoever decides keeps them."""

from collections.abc import Mapping
from datetime import timedelta

from cashback.ledger import PublishedRulesets
from cashback.ledger.model.engine import Published
from cashback.ledger.model.rulesets import Rules
from tests.integration.ledger.programme_rules import campaign, publish, rule
from tests.integration.ledger.world import START, World


async def three(world: World) -> list[str]:
    """Return the ids of three versions of one programme."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=1_000)
    for days in (1, 2):
        await publish(world, programme, Rules(rules=(rule("a", pays, 500),)), starts_at=START + timedelta(days=days))
    return [row[0] for row in await world.rows("select id from ledger.rulesets order by version")]


async def read(world: World, rulesets: PublishedRulesets, *ids: str) -> Mapping[str, Published]:
    """Return those rulesets."""
    async with world.api.transaction() as tx:
        return await rulesets.of(tx, ids)


async def test_a_ruleset_is_read_once_by_each_who_decides(world: World) -> None:
    """What is kept is the very same document again, also beside one that is not kept yet; nobody shares with others."""
    first, second, _ = await three(world)
    rulesets = PublishedRulesets()
    once = await read(world, rulesets, first)
    again = await read(world, rulesets, first, second)
    assert list(again) == [first, second]
    assert again[first] is once[first]
    assert (await read(world, rulesets, second))[second] is again[second]
    elsewhere = (await read(world, PublishedRulesets(), first))[first]
    assert elsewhere == once[first]
    assert elsewhere is not once[first]


async def test_of_many_rulesets_few_are_kept_and_a_batch_has_all_of_its_own(world: World) -> None:
    """Room for two: with the third all before it are let go, and yet whoever asks for two of them has both."""
    first, second, third = await three(world)
    rulesets = PublishedRulesets(kept_max=2)
    kept = await read(world, rulesets, first, second)
    both = await read(world, rulesets, second, third)
    assert both[second] is kept[second]
    assert (await read(world, rulesets, third))[third] is both[third]
    assert (await read(world, rulesets, first))[first] is not kept[first]
    assert list(await read(world, rulesets, first, second, third)) == [first, third, second]

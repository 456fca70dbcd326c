"""The programme in force against what the minter mints at once, as an adapter that says what a test wants tells it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import structlog

from cashback.kernel.config import Secret
from cashback.ledger import GrantAboveLimit, MintLimit, Readings
from cashback.ledger.gateway import Adapter
from cashback.ledger.model.rulesets import Limits, Rules
from cashback.ledger.service import largest, limits
from cashback.processes import granted
from cashback.wire.cashback.chain import v1
from tests.contract.rest.adapter import ScriptedAdapter
from tests.integration.chain.support import running
from tests.integration.chain.waiting import eventually
from tests.integration.ledger.programme_rules import campaign, publish, rule
from tests.integration.ledger.world import START, World, buy

TOKEN = 1_000_000


@pytest.fixture
async def adapter() -> AsyncIterator[ScriptedAdapter]:
    """Give an adapter of whose minter nobody knows the limit yet."""
    async with ScriptedAdapter.serving() as scripted:
        allows(scripted, None)
        yield scripted


@pytest.fixture
async def limit(world: World, adapter: ScriptedAdapter) -> AsyncIterator[MintLimit]:
    """Give what the ledger worker has, with the rights that it has."""
    async with Adapter.open(adapter.address) as gateway:
        yield MintLimit(Readings(world.worker), gateway, clock=world.clock)


def allows(adapter: ScriptedAdapter, capacity: int | None) -> None:
    """Let the minter mint so much at once; None means that no node tells."""
    told = None if capacity is None else v1.Allowance(capacity=str(capacity), available="0")
    adapter.answers = {"GetStatus": bytes(v1.GetStatusResponse(chain_id=1, head=9, allowance=told))}


async def test_a_programme_that_fits_is_admitted_and_one_that_does_not_is_refused_with_the_remedy(
    world: World, adapter: ScriptedAdapter, limit: MintLimit
) -> None:
    """To the last unit; without any programme there is nothing to refuse."""
    allows(adapter, 0)
    await limit.admit()
    await world.programme(rate=500, budget=1_000)
    allows(adapter, 10 * TOKEN)
    await limit.admit()
    allows(adapter, 10 * TOKEN - 1)
    with pytest.raises(GrantAboveLimit, match="setLimit with a capacity of at least that") as refusal:
        await limit.admit()
    assert refusal.value.code == "grant_above_limit"


async def test_rules_that_were_published_since_are_compared_as_well_and_those_to_come(
    world: World, adapter: ScriptedAdapter, limit: MintLimit
) -> None:
    """By what bounds one purchase: the ruleset, the campaign's day, its budget, which people may change at any time."""
    programme = await world.programme(rate=500, budget=1_000)
    pays = await campaign(world, programme, budget=5_000)
    allows(adapter, 10 * TOKEN)
    bounded = Rules(rules=(rule("a", pays),), limits=Limits(purchase="1000"))
    await publish(world, programme, bounded)
    await limit.admit()
    await publish(world, programme, Rules(rules=(rule("a", pays),)), starts_at=START + timedelta(days=3))
    with pytest.raises(GrantAboveLimit, match=f"{50 * TOKEN} base units by version 3 of") as refusal:
        await limit.admit()
    assert refusal.value.code == "grant_above_limit"
    assert refusal.value.fields["pointer"] == "/limits/purchase"
    by_day = await campaign(world, programme, budget=5_000, day_limit=1_000)
    await publish(world, programme, Rules(rules=(rule("a", by_day),)), starts_at=START + timedelta(days=4))
    with pytest.raises(GrantAboveLimit, match="version 3 of"):
        await limit.admit()
    world.clock.advance(timedelta(days=4))
    await limit.admit()


async def test_however_many_versions_there_are_a_few_are_held_and_the_largest_grant_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each programme, wherever among its versions it stands."""
    monkeypatch.setattr(largest, "VERSIONS_MAX", 2)
    most = {}
    for currency, bounds in (("USD", (100, 500, 300)), ("EUR", (700, 200)), ("GBP", (100,))):
        programme = await world.programme(currency=currency, budget=1)
        pays = await campaign(world, programme, budget=5_000)
        for day, bound in enumerate(bounds):
            rules = Rules(rules=(rule("r", pays),), limits=Limits(purchase=str(bound)))
            await publish(world, programme, rules, starts_at=START + timedelta(days=day))
        most[programme.name] = max(bounds) * TOKEN // 100
    found = await Readings(world.auditor).largest_grants(at=START)
    assert {each.programme: each.units for each in found} == most


async def test_doctor_compares_rules_and_what_waits_for_its_request_whichever_rules_gave_it(
    world: World, adapter: ScriptedAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules in force first; of a programme that has ended the cashbacks alone, each by its name, until they fit."""
    monkeypatch.setattr(granted, "business_clock", lambda: world.clock)

    async def told(capacity: int) -> str:
        """Return what doctor tells of a minter that may mint so much at once."""
        allows(adapter, capacity)
        return await granted.fits(Secret(world.dsns.of("cashback_auditor")), adapter.address, tls=None)

    assert await told(0) == "no rules are in force or to come"
    await world.programme(rate=500, budget=1_000)
    fits = f"one purchase earns at most {10 * TOKEN} base units, and {10 * TOKEN} are minted at once"
    assert await told(10 * TOKEN) == fits
    with pytest.raises(GrantAboveLimit, match="setLimit"):
        await told(10 * TOKEN - 1)
    [answer] = await world.record(buy(await world.user(), await world.merchant(), 10_000))
    await world.rows("update ledger.programmes set ended_at = now()")
    assert await told(5 * TOKEN) == "no rules are in force or to come"
    with pytest.raises(granted.WaitingAboveLimit, match=f"{answer.cashback.id} of {5 * TOKEN} base units") as said:
        await told(5 * TOKEN - 1)
    assert said.value.code == "waiting_above_limit"


@pytest.mark.parametrize("silence", ["no node tells", "adapter away"])
async def test_what_nobody_tells_is_admitted_aloud_and_compared_as_soon_as_somebody_does(
    world: World, adapter: ScriptedAdapter, limit: MintLimit, silence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at again and again; too large, the process is not ready and works on, until it fits."""
    monkeypatch.setattr(limits, "UNKNOWN_LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(limits, "LOOK_EVERY_S", 0.02)
    await world.programme(rate=500, budget=1_000)
    if silence == "adapter away":
        await adapter.go_down()
    with structlog.testing.capture_logs() as lines:
        await limit.admit()
        async with running(limit.run):
            await limit.check()
            allows(adapter, TOKEN)
            if silence == "adapter away":
                await adapter.go_up()
            await eventually(lambda: _is_refused(limit, True))
            allows(adapter, None)
            asked = len(adapter.asked)
            await eventually(lambda: _is_asked(adapter, asked + 3))
            assert await _is_refused(limit, True), "silence is no pardon"
            allows(adapter, 10 * TOKEN)
            await eventually(lambda: _is_refused(limit, False))
            asked = len(adapter.asked)
            await eventually(lambda: _is_asked(adapter, asked + 3))
    told = [line["event"] for line in lines if line["event"].startswith("mint_limit.")]
    assert told == ["mint_limit.missed", "mint_limit.exceeded", "mint_limit.missed", "mint_limit.kept"]


async def _is_refused(limit: MintLimit, wanted: bool) -> bool | None:
    """Tell whether the last verdict is the wanted one."""
    try:
        await limit.check()
    except GrantAboveLimit:
        return True if wanted else None
    return None if wanted else True


async def _is_asked(adapter: ScriptedAdapter, times: int) -> bool | None:
    """Tell whether the adapter was asked so often."""
    return len(adapter.asked) >= times or None

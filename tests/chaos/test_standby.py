"""A standby that lacked the last commits takes the ledger's place: noticed, recovered by the runbook, minted once.

       standby is cut off         primary is lost, standby promoted      recovered by a person, resumed
load ───────────────────▶ lost to it ──────────────────────▶ halted ──────────────────────▶ load
         requests that it has as approved: adopted; purchases that it never heard of: listed
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest

from cashback.kernel.bus import Bus, dead_letters
from cashback.kernel.config import load as settings_of
from cashback.ledger.model import Accounted, AccountedKind, OutcomeUnknown
from cashback.processes import chain_status, doctor, halting, recovering
from cashback.processes.embedded import EmbeddedPostgres
from tests.chaos.verdict import assert_applied_once, assert_minted_once_and_on_request, assert_published, ready
from tests.support.facts import eventually
from tests.support.load import Load, Shop
from tests.support.recovery import RECOVERS_SERVER_WITHIN_S, recovered, recovers
from tests.support.stack import stopped
from tests.support.standby import LEDGER, FollowedSystem, cut_off, promote

WITHIN_S: Final = 60.0
BY: Final = "alice"
WHY: Final = "the standby lacked the last commits"
UNHEARD_OF: Final = {"record_unexpected", "unexpected_log"}
"""What a reconciliation goes on telling of a number whose purchase was lost (docs/runbooks/restore.md)."""
THEIR_TOKENS: Final = "supply_unexplained"
"""And of all tokens under such numbers."""

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]


@pytest.fixture
def system(tmp_path: Path, anvil_program: Path) -> Iterator[FollowedSystem]:
    """Give a system of its own."""
    with FollowedSystem(tmp_path / "system", anvil=anvil_program) as system:
        yield system


@pytest.mark.invariant("I1", "I2", "I3", "I4", "I5", "I6", "I10")
async def test_a_standby_without_the_last_commits_halts_minting_until_recovered_and_nothing_is_minted_twice(
    system: FollowedSystem,
) -> None:
    """No number is given out before a person has read what was lost; purchases are taken all the while."""
    with system.standby() as standby:
        async with Shop.open(system) as shop:
            load = Load(shop, [await shop.customer() for _ in range(8)], per_second=8)
            approved = await approved_and_no_more(system, standby, shop)
            async with load.running():
                await load.goes_on(20)
                await minted_one_of(system, load)
                known = set(load.purchases)
                await asyncio.to_thread(system.lose_primary)
                await asyncio.to_thread(promote, standby)
                await recovers(
                    lambda: takes_more_than(system, load, known),
                    within_s=RECOVERS_SERVER_WITHIN_S,
                    what="purchases are taken",
                )
                assert known - recorded(system, load)
                await noticed(system, load, since=known)
                adopted, listed = await recovered_by_hand(system)
                assert approved <= adopted
                assert listed
                async with recovered(system, load, within_s=RECOVERS_SERVER_WITHIN_S, what="a lossy failover"):
                    await halting.resume(settings_of(halting.Settings, system.operator_settings()), by=BY, reason=WHY)
                await load.goes_on(20)
        await assert_all_but_what_was_lost_is_well(system, load, listed)


async def approved_and_no_more(system: FollowedSystem, standby: EmbeddedPostgres, seller: Shop) -> set[str]:
    """Return cashbacks that the standby has as approved, and cut it off before it could hear of their requests."""
    customer = await seller.customer()
    async with stopped(system.processes["worker-ledger"]):
        answers = [await seller.buy(customer) for _ in range(3)]
        ids = {str(answer["cashback"]["id"]) for answer in answers}

        async def look() -> bool | None:
            """Count what the standby has of them."""
            query = "select count(*) from ledger.cashback_ledger where id = any(%s) and state = 'approved'"
            with psycopg.connect(standby.dsn(LEDGER)) as connection:
                return True if connection.execute(query, (list(ids),)).fetchone() == (len(ids),) else None

        await eventually(look, within_s=WITHIN_S, what="the standby has the purchases")
        await asyncio.to_thread(cut_off, standby)
    return ids


async def minted_one_of(system: FollowedSystem, load: Load) -> None:
    """Return once one of the purchases that the standby never heard of is minted for good."""

    async def look() -> bool | None:
        """Look in the ledger of the primary."""
        query = "select 1 from ledger.cashback_ledger where purchase_id = any(%s) and state = 'minted' limit 1"
        return True if system.rows(LEDGER, query, load.purchases) else None

    await eventually(look, within_s=WITHIN_S, what="a purchase is minted")


def recorded(system: FollowedSystem, load: Load) -> set[str]:
    """Return which of the accepted purchases the ledger's database has now."""
    query = "select id from purchases.purchases where id = any(%s)"
    return {row[0] for row in system.rows(LEDGER, query, load.purchases)}


async def takes_more_than(system: FollowedSystem, load: Load, known: set[str]) -> bool:
    """Tell whether a purchase of later was recorded where the ledger is now."""
    try:
        return bool(recorded(system, load) - known)
    except psycopg.OperationalError:  # neither server lets anybody write yet
        return False


async def noticed(system: FollowedSystem, load: Load, *, since: set[str]) -> None:
    """Return once minting is halted for it, and see that everybody says why, and no number was given out."""
    operator = system.operator_settings()

    async def look() -> bool | None:
        """Ask the adapter."""
        view = (await chain_status.standing(settings_of(chain_status.Settings, operator))).view
        return True if [halt.reason for halt in view.halts] == ["ledger_behind"] else None

    await eventually(look, within_s=WITHIN_S, what="minting is halted")
    assert "restore.md" in (await asyncio.to_thread(system.problems))["worker-ledger"]["numbers"]
    examined = await doctor.examine(settings_of(doctor.Settings, operator))
    assert any("its database is older" in one.detail for one in examined if not one.is_well)
    query = "select count(*) from ledger.cashback_ledger where purchase_id = any(%s) and mint_number is not null"
    assert system.rows(LEDGER, query, sorted(recorded(system, load) - since)) == [(0,)]


async def recovered_by_hand(system: FollowedSystem) -> tuple[set[str], set[int]]:
    """Recover as the runbook says, and return the cashbacks that were adopted, and the numbers of lost ones."""
    ways = settings_of(recovering.Settings, system.operator_settings())
    tried: list[Accounted] = []
    told: list[Accounted] = []
    await recovering.recover(ways, by=BY, reason=WHY, is_dry_run=True, tell=tried.append)
    await recovering.recover(ways, by=BY, reason=WHY, is_dry_run=False, tell=told.append)
    assert told == tried
    assert {one.kind for one in told} == {AccountedKind.ADOPTED, AccountedKind.LEDGER_LOST}
    adopted = {one.cashback_id for one in told if one.kind is AccountedKind.ADOPTED}
    return adopted, {one.number for one in told if one.kind is AccountedKind.LEDGER_LOST}


async def assert_all_but_what_was_lost_is_well(system: FollowedSystem, load: Load, listed: set[int]) -> None:
    """Assert I1 to I6 of what the ledger has, and that a reconciliation differs in the numbers that were listed."""
    report = await system.drained()
    places = {(one.kind.value, one.place) for one in report.findings if one.kind.value != THEIR_TOKENS}
    assert places == {(kind, f"mint {number}") for kind in UNHEARD_OF for number in listed}
    assert report.kinds.keys() <= UNHEARD_OF | {THEIR_TOKENS}
    await ready(system, list(system.processes))
    assert system.rows("chain", "select halted_reason from chain.network") == [(None,)]
    known = recorded(system, load)
    load.answers = {key: answer for key, answer in load.answers.items() if answer["id"] in known}
    query = "select state, count(*) from ledger.cashback_ledger group by state"
    assert [state for state, _ in system.rows(LEDGER, query)] == ["minted"]
    assert_applied_once(system, load)
    await assert_minted_once_and_on_request(system, load)
    await assert_published(system, strangers=None)
    async with system.chain() as chain:
        numbers = Counter(log.number for log in await chain.mint_logs())
    assert set(numbers.values()) == {1}
    assert system.rows("minting", "select cashback_id from minting.mints group by 1 having count(*) > 1") == []
    async with Bus.connect(system.nats.url(), name="test") as bus:
        await bus.wait_connected()
        letters = await dead_letters.page(bus, limit=1_000)
    assert {letter.reason.partition(":")[0] for letter in letters} <= {OutcomeUnknown.__name__}

"""A ledger that was restored from an older backup while minting and the chain went on: halted, listed, recovered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import msgspec
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from cashback.chain.model import Mint, Person
from cashback.cli.command import EXIT_DIFFERENCE
from cashback.events.minting import TokenMinted
from cashback.kernel.config import load
from cashback.kernel.db import Database
from cashback.ledger import State
from cashback.ledger.gateway import Adapter as LedgersAdapter
from cashback.ledger.model import Accounted, LedgerBehind, NumbersFenced
from cashback.ledger.service import Fencing
from cashback.minting import Readings
from cashback.minting.gateway import Adapter
from cashback.processes import recovering, restored_ledger
from cashback.processes.embedded import HOST
from cashback.processes.reconcile import Settings, reconcile
from cashback.processes.restored_ledger import Numbers, recover_ledger
from tests.integration.chain.support import mint, running
from tests.integration.ledger.world import World, buy, open_world, requests
from tests.integration.reconcile.story import Scene, Ways, _mint
from tests.support.servers import Databases

ADOPTED, LOST, NEXT = 6, 7, 8
"""The number of the cashback that the backup has as approved, that of one it does not know, and the first fresh one."""


class Restored(msgspec.Struct, frozen=True):
    """The scene after the restoration: the older ledger, and the ways of an operator."""

    scene: Scene
    world: World
    dsn: str
    adopted: str
    lost: str

    def settings(self) -> recovering.Settings:
        """Return the operator's settings."""
        environ = self.scene.settings | {"CASHBACK_LEDGER_DSN": self.world.dsns.of("cashback_ledger")}
        return load(recovering.Settings, environ)

    async def recovered(self, *, is_dry_run: bool = False) -> tuple[Numbers, list[tuple[str, int, str]]]:
        """Return what recovering came to, and what it told: kind, number and cashback."""
        told: list[Accounted] = []
        found = await recover_ledger(self.settings(), is_dry_run=is_dry_run, tell=told.append)
        return found, [(one.kind.value, one.number, one.cashback_id) for one in told]

    async def fencing_turn(self, fencing: Fencing, gateway: Adapter, minting: Database) -> bool:
        """Have minting tell what it knows, once the fence was found down; return whether the fence is up then."""
        with pytest.raises(NumbersFenced):
            await fencing.turn()
        await gateway.tell_number(await Readings(minting).highest_number())
        return await fencing.turn()


@pytest.fixture
async def restored(scene: Scene) -> AsyncIterator[Restored]:
    """Give a ledger as it was before one request and one purchase, both of which are minted by now."""
    async with scene.ledger() as ledger:
        [bought] = await ledger.record(buy(await ledger.user(), await ledger.merchant()))
    name = str(conninfo_to_dict(scene.dsns["cashback"])["dbname"])
    with closing(Databases(scene.story.server)) as copies, copies.fresh(name) as backup:
        async with scene.ledger() as ledger:
            await ledger.request()
            [forgotten] = await ledger.record(buy(await ledger.user(), await ledger.merchant()))
            await ledger.request()
            await minted(scene, ledger)
            assert [int(one.mint_number) for one in await requests(ledger)][-2:] == [ADOPTED, LOST]
        ways = Ways(backup, scene.story.plan, scene.story.server)
        async with open_world(ways) as world:
            yield Restored(scene, world, backup, bought.cashback.id, forgotten.cashback.id)


async def minted(scene: Scene, ledger: World) -> None:
    """Take what a ledger requested to the chain, and have minting know that it is final."""
    async with (
        scene.minting() as minting,
        Adapter.connect(HOST, scene.story.plan.ports.adapter) as gateway,
        running(scene.bench.adapter.lanes[0].run, scene.bench.adapter.follower.run),
    ):
        await _mint(_Deaf(ledger), minting, scene.dsns["minting"], gateway, scene.bench)


class _Deaf(World):
    """A ledger whose requests are read, and which is told nothing."""

    def __init__(self, ledger: World) -> None:
        """Speak for `ledger`."""
        self.__dict__.update(ledger.__dict__)

    async def settle(self, *outcomes: object) -> None:
        """Hear nothing."""


async def told_again(restored: Restored) -> None:
    """Have the restored ledger hear of every outcome whose number it knows: what its sweep would ask for."""
    with psycopg.connect(restored.scene.dsns["minting"]) as connection:
        rows = connection.execute("select data from minting.outbox_events where type = 'token.minted'").fetchall()
    outcomes = {one.mint_number: one for one in (msgspec.json.decode(row[0], type=TokenMinted) for row in rows)}
    known = {one.mint_number for one in await requests(restored.world)}
    await restored.world.settle(*(outcome for number, outcome in outcomes.items() if number in known))


@asynccontextmanager
async def a_fencing(restored: Restored) -> AsyncIterator[Fencing]:
    """Give the restored ledger's fencing."""
    async with LedgersAdapter.open(f"{HOST}:{restored.scene.story.plan.ports.adapter}") as adapter:
        yield Fencing(restored.world.worker, adapter)


@pytest.mark.invariant("I2", "I3", "I10")
async def test_an_older_ledger_halts_is_recovered_and_mints_under_fresh_numbers(restored: Restored) -> None:
    """Nothing is doubled, nothing guessed; reconcile tells exactly what was listed."""
    scene, world = restored.scene, restored.world
    async with (
        a_fencing(restored) as fencing,
        scene.minting() as minting,
        Adapter.connect(HOST, scene.story.plan.ports.adapter) as gateway,
    ):
        assert not await restored.fencing_turn(fencing, gateway, minting)
        with pytest.raises(LedgerBehind):
            await fencing.check()
        with pytest.raises(NumbersFenced):
            await world.request()
        assert (await scene.bench.adapter.reading.status()).network.halted_reason == "ledger_behind"
        listed = [("adopted", ADOPTED, restored.adopted), ("ledger_lost", LOST, restored.lost)]
        dry, told = await restored.recovered(is_dry_run=True)
        assert (told, dry.adopted, dry.listed, dry.accounted_to) == (listed, 1, 1, LOST)
        assert (await world.readings.cashback(restored.adopted)).state is State.APPROVED
        assert not await fencing.turn()
        found, told = await restored.recovered()
        assert (told, found.accounted_to) == (listed, LOST)
        again, told = await restored.recovered()
        assert (told, again.adopted, again.accounted_to) == (listed[1:], 0, LOST)
        assert await fencing.turn()
        await scene.bench.adapter.halting.resume(by=Person("alice"), because="the ledger was recovered")
    await told_again(restored)
    adopted = await world.readings.cashback(restored.adopted)
    assert (adopted.state, adopted.mint_number) == (State.MINTED, ADOPTED)
    await world.record(buy(await world.user(), await world.merchant()))
    await world.request()
    assert [int(one.mint_number) for one in await requests(world)][-1] == NEXT
    await minted(scene, world)
    await told_again(restored)
    assert [await scene.bench.logs_of(number) for number in range(1, NEXT + 1)] == [1] * NEXT
    await world.assert_books_prove()
    audit = scene.settings | {"CASHBACK_LEDGER_AUDIT_DSN": world.dsns.of("cashback_auditor")}
    findings = (await reconcile(load(Settings, audit))).findings
    assert sorted((one.kind.value, one.place) for one in findings) == [
        ("record_unexpected", f"mint {LOST}"),
        ("unexpected_log", f"mint {LOST}"),
    ]


async def test_an_operator_recovers_by_a_verb_that_tells_what_it_finds(restored: Restored) -> None:
    """For people as a table, for programs as one document; exit code 3, since one number is listed."""
    scene = restored.scene
    scene.settings["CASHBACK_LEDGER_DSN"] = restored.world.dsns.of("cashback_ledger")
    order = ("chain", "recover", "--reason", "the ledger was restored")
    await scene.bench.adapter.halting.halt_by_hand(by=Person("alice"), detail="the ledger was restored")
    code, said = await scene.command(*order, "--dry-run")
    assert code == EXIT_DIFFERENCE
    assert ("ledger_lost" in said, "adopted" in said) == (True, True)
    code, said = await scene.command(*order, "--json")
    document = msgspec.json.decode(said)
    found = [(one["found"], one["number"]) for one in document["numbers"]]
    assert (code, found) == (EXIT_DIFFERENCE, [("adopted", str(ADOPTED)), ("ledger_lost", str(LOST))])
    assert (document["numbers_adopted"], document["numbers_listed"]) == (1, 1)
    assert document["numbers_accounted_to"] == str(LOST)
    assert (await restored.world.readings.cashback(restored.adopted)).state is State.MINT_REQUESTED


class Killed(Exception):
    """The operator's process ends here."""


@pytest.mark.invariant("I2")
async def test_a_recovery_that_dies_half_way_gives_nothing_out_and_is_run_again(
    restored: Restored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was adopted by then stays adopted, and is nothing to list any more."""
    monkeypatch.setattr(restored_ledger, "STRETCH", 1)

    def die(one: Accounted) -> None:
        """End the process when the first number is told."""
        raise Killed(one.kind.value)

    with pytest.raises(Killed, match="adopted"):
        await recover_ledger(restored.settings(), is_dry_run=False, tell=die)
    with pytest.raises(NumbersFenced):
        await restored.world.request()
    found, told = await restored.recovered()
    assert (told, found.adopted, found.accounted_to) == ([("ledger_lost", LOST, restored.lost)], 0, LOST)
    assert len({event.key for event in await restored.world.events("ledger", "token.mint.requested")}) == ADOPTED


@pytest.mark.invariant("I2", "I4")
async def test_a_cashback_whose_forgotten_number_was_retired_gets_a_fresh_one(restored: Restored) -> None:
    """What minting says of the number reaches the ledger, which has the cashback wait for the sweep."""
    restored.scene.spoil(
        "minting",
        "update minting.mints set state = 'stuck', reason = 'number_retired', transaction_hash = null,"
        " block_number = null, block_hash = null where number = %s",
        ADOPTED,
    )
    found, told = await restored.recovered()
    assert told == [("retired", ADOPTED, restored.adopted), ("ledger_lost", LOST, restored.lost)]
    assert (found.adopted, found.listed) == (0, 2)
    await restored.world.request(restored.adopted)
    assert (await restored.world.readings.cashback(restored.adopted)).mint_number == NEXT


@pytest.mark.invariant("I2", "I10")
async def test_a_log_that_neither_ledger_nor_minting_know_is_listed_and_its_number_passed_over(
    restored: Restored,
) -> None:
    """Also one that no ledger could give out, which the sequence need not pass."""
    bench = restored.scene.bench
    await bench.people.mint_elsewhere(mint(50, amount=5))
    await bench.people.mint_elsewhere(Mint(2**64 - 1, "nobody's", mint(1).recipient, 6))
    await restored.scene.finalise()
    found, told = await restored.recovered()
    assert told[:2] == [("log_unknown", 50, ""), ("log_unknown", 2**64 - 1, "")]
    assert found.accounted_to == 50
    await restored.world.record(buy(await restored.world.user(), await restored.world.merchant()))
    await restored.world.request()
    assert [int(one.mint_number) for one in await requests(restored.world)][-1] == 51

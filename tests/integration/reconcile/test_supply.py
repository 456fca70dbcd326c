"""The token's supply in the books is the chain's own: mints, burns, thefts and blocks that were taken back."""

import json

import pytest

from cashback.kernel.config import Secret
from cashback.ledger.service import Recomputer
from cashback.processes import doctor
from cashback.processes.embedded import EmbeddedNats
from cashback.processes.reconcile import Kind
from tests.integration.reconcile.bookings import book_supply
from tests.integration.reconcile.deeds import mint_elsewhere, mint_silently
from tests.integration.reconcile.plants import FOREIGN, PLANTS, STRANGER
from tests.integration.reconcile.story import CLOCK, Scene

KINDS = ("issued", "supply", "burned", "unexplained")
BURN = "42966c68"


def balances(scene: Scene) -> tuple[int, int, int, int]:
    """Return what the accounts of the chain hold: issued, supply, burned, unexplained."""
    query = "select coalesce(sum(balance), 0)::bigint from ledger.accounts where owner = 'chain' and kind = %s"
    issued, supply, burned, unexplained = (int(scene.one("cashback", query, kind)[0]) for kind in KINDS)
    return issued, supply, burned, unexplained


async def burn(scene: Scene, share: int) -> int:
    """Have a holder burn one part in `share` of what it got, let that become final, and return how much it was."""
    recipient, amount = scene.one(
        "cashback", "select recipient, token_units from ledger.cashback_ledger where state = 'minted' limit 1"
    )
    lever, units = scene.bench.lever, int(amount) // share
    await lever.call("anvil_impersonateAccount", recipient)
    await lever.call("anvil_setBalance", recipient, hex(10**18))
    call = {"from": recipient, "to": scene.bench.settings.token_address, "data": f"0x{BURN}{units:064x}"}
    await lever.call("eth_sendTransaction", call)
    await scene.finalise()
    return units


async def booked(scene: Scene, *, is_whole: bool = True) -> list[Kind]:
    """Reconcile, book what that read, and return what differed."""
    report = await scene.reconciled(is_whole=is_whole)
    await book_supply(scene)
    return [one.kind for one in report.findings]


async def examined(scene: Scene, nats: EmbeddedNats) -> doctor.Examined:
    """Return what the doctor says of the supply."""
    # Nothing of minting and the chain is in it; what is not there at all is waited for, for seconds.
    dsn = Secret(scene.settings["CASHBACK_LEDGER_AUDIT_DSN"])
    settings = doctor.Settings(
        ledger_audit_dsn=dsn,
        minting_audit_dsn=dsn,
        chain_audit_dsn=dsn,
        nats_url=nats.url(),
        adapter_address="127.0.0.1:1",
    )
    [found] = [one for one in await doctor.examine(settings) if one.what == "reconciliation"]
    return found


@pytest.mark.invariant("I10")
async def test_the_books_hold_the_supply_and_what_holders_burned(scene: Scene, nats: EmbeddedNats) -> None:
    """Of three mints a part is burned: supply is what the contract says, and nothing is unexplained (I10)."""
    assert await booked(scene) == []
    [minted] = scene.one("cashback", "select sum(token_units) from ledger.cashback_ledger where state = 'minted'")
    assert balances(scene) == (-minted, minted, 0, 0)
    burned = await burn(scene, 2)
    assert await booked(scene, is_whole=False) == []
    supply = (await scene.bench.adapter.reading.status()).total_supply
    assert balances(scene) == (-minted, supply, burned, 0)
    assert supply == minted - burned
    assert (await examined(scene, nats)).is_well


@pytest.mark.invariant("I10")
async def test_a_mint_that_is_final_and_not_settled_yet_is_explained(scene: Scene) -> None:
    """The ledger requested it; that its outcome is on its way makes nothing unexplained."""
    await booked(scene)
    issued = balances(scene)[0]
    await mint_silently(scene, scene.story.requested[0])
    assert await booked(scene, is_whole=False) == []
    assert balances(scene)[0] < issued
    assert balances(scene)[3] == 0


@pytest.mark.invariant("I10")
@pytest.mark.parametrize("is_whole", [True, False])
async def test_what_a_thief_of_the_role_mints_is_unexplained_found_and_named(
    scene: Scene, nats: EmbeddedNats, is_whole: bool
) -> None:
    """It is in the supply and in no request: run, books, doctor and the next run say so, the last with what to do."""
    await booked(scene)
    minted = balances(scene)[1]
    await mint_elsewhere(scene, FOREIGN, STRANGER, 77)
    assert await booked(scene, is_whole=is_whole) == [Kind.UNEXPECTED_LOG]
    assert balances(scene) == (-minted, minted + 77, 0, -77)
    told = await examined(scene, nats)
    assert not told.is_well
    assert "the last reconciliation found unexpected_log 1" in told.detail
    assert "77 base units of the supply are explained by no request and no burn: cashback reconcile --w" in told.detail
    report = await scene.reconciled()
    [finding] = [one for one in report.findings if one.kind is Kind.SUPPLY_UNEXPLAINED]
    assert (finding.found, report.unexplained) == ("77", 77)
    assert "docs/runbooks/unexplained.md" in finding.remedy


@pytest.mark.parametrize(
    "kind", [Kind.WRONG_AMOUNT, Kind.WRONG_RECIPIENT, Kind.DUPLICATE_LOG, Kind.SUPPLY_DIFFERS, Kind.RETIRED_MINTED]
)
@pytest.mark.parametrize("is_whole", [True, False])
async def test_a_mint_that_is_not_as_requested_explains_nothing(scene: Scene, kind: Kind, is_whole: bool) -> None:
    """Another amount or recipient, a second log, a number given up, or no log at all."""
    await booked(scene)
    await PLANTS[kind](scene)
    assert kind in await booked(scene, is_whole=is_whole)
    issued, supply, burned, unexplained = balances(scene)
    assert unexplained < 0
    assert issued + supply + burned + unexplained == 0


@pytest.mark.invariant("I10")
async def test_what_a_chain_took_back_is_booked_back(scene: Scene) -> None:
    """Final blocks with a burn and a mint are replaced by empty ones, and the books follow."""
    await booked(scene)
    before = balances(scene)
    snapshot = await scene.bench.lever.call("evm_snapshot")
    await burn(scene, 3)
    await mint_silently(scene, scene.story.requested[0])
    await booked(scene, is_whole=False)
    assert balances(scene)[2] > 0
    assert await scene.bench.lever.call("evm_revert", snapshot)
    await scene.bench.lever.call("evm_increaseTime", hex(100))
    await scene.bench.lever.mine(1_000)
    assert Kind.REORGANISED in await booked(scene, is_whole=False)
    assert balances(scene) == before


async def test_the_shown_books_add_up_and_prove_themselves_with_the_supply_in_them(scene: Scene) -> None:
    """Trial balance, audit, recomputation: nothing differs after mints, burns and a theft; a false balance does."""
    await booked(scene)
    await burn(scene, 4)
    await mint_elsewhere(scene, FOREIGN, STRANGER, 5)
    await booked(scene)
    async with scene.ledger() as world:
        assert await world.readings.differences(limit=10) == []
        assert (await Recomputer(world.worker, clock=CLOCK, by="alice").recompute()).differences == 0
    code, said = await scene.command("ledger", "trial-balance", "--json")
    assert code == 0
    [tokens] = [one for one in json.loads(said)["currencies"] if one["currency"] == "CBK"]
    kinds = {one["kind"]: (one["debit"], one["credit"]) for one in tokens["kinds"]}
    issued, supply, burned, _ = balances(scene)
    assert {kind: kinds[kind] for kind in KINDS} == {
        "issued": (str(-issued), "0"),
        "supply": ("0", str(supply)),
        "burned": ("0", str(burned)),
        "unexplained": ("5", "0"),
    }
    scene.spoil(
        "cashback", "update ledger.accounts set balance = balance + 1 where owner = 'chain' and kind = 'burned'"
    )
    async with scene.ledger() as world:
        assert "supply_misbooked" in {one.kind for one in await world.readings.differences(limit=10)}

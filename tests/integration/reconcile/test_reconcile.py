"""`cashback reconcile` finds a planted lie of every kind it knows, calls it by name, and finds none where none is."""

import msgspec
import pytest

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.reconcile import show
from cashback.processes.reconcile import Kind
from tests.integration.ledger.adjusting import adjusted, credit_of, debit_of
from tests.integration.reconcile.deeds import long_after, mint_elsewhere, mint_silently
from tests.integration.reconcile.plants import PLANTS, STRANGER
from tests.integration.reconcile.story import Scene

TRANSFER_TO_BURN = 1_000


@pytest.mark.invariant("I10")
async def test_without_a_difference_reconcile_says_so_and_exits_with_0(scene: Scene) -> None:
    """Three mints are final, two are under way, and nothing differs: neither for people nor for programs."""
    code, said = await scene.command("reconcile", "--json")
    report = msgspec.json.decode(said)
    assert (code, report["findings"]) == (0, [])
    assert (report["minted"], report["logs"], report["requested"], report["in_flight"]) == (3, 3, 5, 2)
    assert report["total_supply"] == report["minted_amount"] == report["logs_amount"] != "0"


@pytest.mark.invariant("I8", "I10")
async def test_cashback_by_hand_is_no_difference(scene: Scene) -> None:
    """One that no purchase earned and nobody requested yet, and a minted one of which a part is owed back."""
    async with scene.ledger() as world:
        [(user_id, minted)] = await world.rows(
            "select user_id, id from ledger.cashback_ledger where state = 'minted' order by position limit 1"
        )
        user, programme = await world.user(), await world.readings.programme()
        await adjusted(world, credit_of(user, programme.id))
        assert (await adjusted(world, debit_of(minted, 1))).user_id == user_id
    report = await scene.reconciled()
    assert (report.findings, report.minted) == ([], 3)


async def test_with_differences_reconcile_tabulates_them_and_exits_with_3(scene: Scene) -> None:
    """Every difference is a row with its kind, its place, both sides and what to do."""
    places = [await PLANTS[kind](scene) for kind in (Kind.WRONG_AMOUNT, Kind.RECORD_MISSING, Kind.BOOKS_DIFFER)]
    code, said = await scene.command("reconcile")
    assert code == EXIT_DIFFERENCE
    assert "cashback chain halt --reason wrong_amount" in " ".join(said.split())
    for kind, place in zip((Kind.WRONG_AMOUNT, Kind.RECORD_MISSING, Kind.BOOKS_DIFFER), places, strict=True):
        assert kind in said
        assert place.split()[0] in said


@pytest.mark.parametrize("kind", PLANTS)
async def test_a_planted_difference_is_found_and_named(
    scene: Scene, kind: Kind, capsys: pytest.CaptureFixture[str]
) -> None:
    """One lie of this kind is the only kind of difference there is, told with its place."""
    place = await PLANTS[kind](scene)
    report = await scene.reconciled(is_whole=kind is not Kind.REORGANISED)
    assert {finding.kind for finding in report.findings} == {kind}
    assert any(finding.place.startswith(place) for finding in report.findings), report.findings
    show(report)
    assert kind in capsys.readouterr().out


def test_every_kind_has_a_planted_lie() -> None:
    """A kind that nobody can plant may be one that nobody finds."""
    assert set(PLANTS) == set(Kind)


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 2**64 - 1])
async def test_a_log_of_a_number_that_no_ledger_gives_out_is_unexpected(scene: Scene, number: int) -> None:
    """Also one that no column of ours holds, and it is told as the chain wrote it."""
    await mint_elsewhere(scene, number, STRANGER, 1)
    [finding] = (await scene.reconciled()).findings
    assert (finding.kind, finding.place) == (Kind.UNEXPECTED_LOG, f"mint {number}")


@pytest.mark.invariant("I9")
async def test_a_mined_attempt_that_is_not_recorded_is_a_nonce_at_fault(scene: Scene) -> None:
    """Each nonce that the chain has used up to the final block has exactly one mined attempt in the records."""
    scene.spoil("chain", "update chain.blockchain_transactions set block_number = null where nonce = 0")
    [finding] = (await scene.reconciled()).findings
    assert (finding.kind, finding.found) == (Kind.NONCE_GAP, "a slot in state final, 0 mined attempts")


@pytest.mark.invariant("I9")
async def test_a_nonce_used_by_a_stranger_with_our_key_is_a_nonce_at_fault(scene: Scene) -> None:
    """What the chain has seen of the signer and the records have not is told as soon as it is final."""
    operator = f"0x{scene.one('chain', 'select address from chain.lanes')[0].hex()}"
    await scene.bench.lever.call("eth_sendTransaction", {"from": operator, "to": operator, "value": "0x1"})
    await scene.finalise()
    head = await scene.bench.lever.head()
    scene.spoil("chain", "update chain.network set final_block = %s", head)
    [finding] = (await scene.reconciled()).findings
    assert (finding.kind, finding.found) == (Kind.NONCE_GAP, "no slot, 0 mined attempts")


async def test_what_became_final_a_moment_ago_and_is_not_settled_yet_is_no_difference(scene: Scene) -> None:
    """A system in motion stays clean: outcomes take their way through minting and broker."""
    await mint_silently(scene, scene.story.requested[0])
    report = await scene.reconciled()
    assert (report.findings, report.settling) == ([], 1)


async def test_a_request_of_long_ago_that_never_came_to_minting_is_the_ledgers_alone(scene: Scene) -> None:
    """Its event was lost; nothing else is wrong with it."""
    number = scene.story.requested[1]
    scene.spoil("minting", "delete from minting.mints where number = %s", number)
    [finding] = (await scene.reconciled()).findings
    assert (finding.kind, finding.place.split(" (")[0]) == (Kind.LEDGER_ONLY, f"mint {number}")
    assert "replay --type token.mint.requested" in finding.remedy


async def test_a_log_of_long_ago_that_is_settled_in_minting_alone_is_told_with_both(scene: Scene) -> None:
    """Who lost the outcome decides what mends it."""
    number = scene.story.minted[0]
    scene.spoil(
        "cashback",
        "update ledger.cashback_ledger set state = 'mint_requested', transaction_hash = null, block_number = null,"
        " block_hash = null, minted_at = null where mint_number = %s",
        number,
    )
    await long_after(scene)
    of_log = [one for one in (await scene.reconciled()).findings if one.kind is Kind.UNSETTLED_LOG]
    assert [one.found.split(" in ")[0] for one in of_log] == ["ledger: not settled, minting: settled"]


async def test_what_holders_burned_long_ago_is_no_difference(scene: Scene) -> None:
    """Burns explain the supply however many blocks, and pages of logs, ago they were."""
    recipient, amount = scene.one(
        "cashback", "select recipient, token_units from ledger.cashback_ledger where state = 'minted' limit 1"
    )
    lever = scene.bench.lever
    await lever.call("anvil_impersonateAccount", recipient)
    await lever.call("anvil_setBalance", recipient, hex(10**18))
    burn = {"from": recipient, "to": scene.bench.settings.token_address, "data": f"0x42966c68{amount:064x}"}
    await lever.call("eth_sendTransaction", burn)
    await lever.mine(1_200)
    report = await scene.reconciled()
    assert (report.findings, report.burned) == ([], amount)
    assert report.total_supply == report.minted_amount - amount

"""A run goes on from the last one without a difference, finds what came after it, and sees what was changed before."""

import msgspec
import psycopg
import pytest

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.kernel.config import load
from cashback.processes.reconcile import Kind, Settings, last_runs
from tests.integration.reconcile.deeds import mint_silently
from tests.integration.reconcile.plants import PLANTS
from tests.integration.reconcile.story import Scene

SINCE = (
    Kind.MISSING_LOG,
    Kind.LEDGER_ONLY,
    Kind.UNEXPECTED_LOG,
    Kind.DUPLICATE_LOG,
    Kind.WRONG_AMOUNT,
    Kind.WRONG_RECIPIENT,
    Kind.WRONG_PLACE,
    Kind.RECORD_MISSING,
    Kind.RECORD_UNEXPECTED,
    Kind.RECORD_DIFFERS,
    Kind.RETIRED_MINTED,
    Kind.SUPPLY_DIFFERS,
    Kind.SUPPLY_UNEXPLAINED,
    Kind.UNSETTLED_LOG,
    Kind.NONCE_GAP,
    Kind.ROLE_LOST,
    Kind.STALE_FINALITY,
)
"""What an incremental run must find as well; books and wallets are for a whole one."""


@pytest.mark.invariant("I10")
async def test_a_second_run_goes_on_from_the_first_and_tells_the_same_figures(scene: Scene) -> None:
    """Its figures are of everything, whatever little of it was read again."""
    first = await scene.reconciled(is_whole=False)
    assert (first.mode, first.reason, first.settled_to) == ("whole", "there is no checkpoint yet", first.at_block)
    await scene.finalise()
    second = await scene.reconciled(is_whole=False)
    assert (second.mode, second.after_block, second.findings) == ("incremental", first.at_block, [])
    assert second.at_block > first.at_block
    figures = ("logs", "logs_amount", "burned", "total_supply", "requested", "minted", "in_flight", "settling")
    assert [getattr(second, name) for name in figures] == [getattr(first, name) for name in figures]
    third = await scene.reconciled()
    assert (third.mode, third.after_block, third.reason) == ("whole", None, "a whole run was asked for")


@pytest.mark.parametrize("kind", SINCE)
async def test_what_is_planted_after_a_checkpoint_is_found_by_the_next_run(scene: Scene, kind: Kind) -> None:
    """Whether it stands after the checkpoint, or changes what was compared before it."""
    await scene.reconciled()
    place = await PLANTS[kind](scene)
    report = await scene.reconciled(is_whole=False)
    assert {one.kind for one in report.findings} == {kind}
    assert any(one.place.startswith(place) for one in report.findings), report.findings


async def test_another_log_of_a_number_from_before_the_checkpoint_needs_no_whole_run(scene: Scene) -> None:
    """The ledger knows the number as settled, and the log is a new one."""
    await scene.reconciled()
    await PLANTS[Kind.DUPLICATE_LOG](scene)
    report = await scene.reconciled(is_whole=False)
    assert (report.mode, report.kinds) == ("incremental", {"duplicate_log": 1})


@pytest.mark.parametrize(
    "database, statement",
    [
        ("cashback", "update ledger.cashback_ledger set recipient = '0x' || repeat('99', 20) where mint_number = %s"),
        ("cashback", "update ledger.cashback_ledger set block_number = block_number + 1 where mint_number = %s"),
        ("minting", "update minting.mints set amount = amount + 1 where number = %s"),
        ("minting", "delete from minting.mints where number = %s"),
    ],
)
async def test_a_row_that_is_changed_after_it_was_compared_makes_the_next_run_a_whole_one(
    scene: Scene, database: str, statement: str
) -> None:
    """It is noticed without reading the chain, and named by reading it."""
    await scene.reconciled()
    number = scene.story.minted[1]
    scene.spoil(database, statement, number)
    report = await scene.reconciled(is_whole=False)
    name = "ledger" if database == "cashback" else "minting"
    assert (report.mode, report.reason) == ("whole", f"what {name} had settled at the checkpoint was changed since")
    assert {one.place.split(" (")[0] for one in report.findings} == {f"mint {number}"}


async def test_what_was_not_settled_at_the_checkpoint_is_looked_at_again(scene: Scene) -> None:
    """The checkpoint ends before it; once it is settled with another amount, that is found."""
    number = scene.story.requested[0]
    await mint_silently(scene, number)
    first = await scene.reconciled()
    assert first.settled_to is not None
    assert (first.findings, first.settling, first.settled_to < first.at_block) == ([], 1, True)
    second = await scene.reconciled(is_whole=False)
    assert (second.mode, second.findings, second.settling, second.logs) == ("incremental", [], 1, first.logs)
    scene.spoil(
        "cashback",
        "update ledger.cashback_ledger set (token_units, payable_units, requested_units)"
        " = (token_units + 1, payable_units + 1, requested_units + 1) where mint_number = %s",
        number,
    )
    third = await scene.reconciled(is_whole=False)
    assert (third.mode, third.kinds) == ("incremental", {"record_differs": 1, "wrong_amount": 1})


async def test_a_run_with_a_difference_is_not_gone_on_from(scene: Scene) -> None:
    """Each run finds it again until it is mended."""
    good = await scene.reconciled()
    await PLANTS[Kind.WRONG_AMOUNT](scene)
    for _ in range(2):
        report = await scene.reconciled(is_whole=False)
        assert (report.after_block, report.settled_to) == (good.at_block, None)
        assert [one.kind for one in report.findings] == [Kind.WRONG_AMOUNT]


async def test_after_a_reorganisation_the_last_checkpoint_that_stands_is_gone_on_from(scene: Scene) -> None:
    """The replaced one is told; a whole run has the next one forget it."""
    old = await scene.reconciled()
    await PLANTS[Kind.REORGANISED](scene)
    report = await scene.reconciled(is_whole=False)
    assert (report.mode, report.after_block, report.kinds) == ("incremental", old.at_block, {"reorganised": 1})
    assert report.settled_to is None
    assert (await scene.reconciled()).findings == []
    after = await scene.reconciled(is_whole=False)
    assert (after.mode, after.findings) == ("incremental", [])


async def test_the_last_runs_are_shown_newest_first(scene: Scene) -> None:
    """For people and for programs: how, up to where, and what was found."""
    assert (await scene.command("reconcile"))[0] == 0
    await PLANTS[Kind.MINTER_PAUSED](scene)
    assert (await scene.command("reconcile", "--by", "worker"))[0] == EXIT_DIFFERENCE
    code, said = await scene.command("reconcile", "--last", "--json")
    newest, oldest = msgspec.json.decode(said)
    assert (code, newest["mode"], newest["asked_by"], newest["kinds"]) == (
        0,
        "incremental",
        "worker",
        {"minter_paused": 1},
    )
    assert int(newest["number"]) > int(oldest["number"])
    assert (newest["after_block"], newest["settled_to"]) == (oldest["at_block"], newest["at_block"])
    assert (oldest["mode"], oldest["asked_by"], oldest["findings_count"]) == ("whole", "person", 0)
    code, said = await scene.command("reconcile", "--last", "1")
    assert (code, "minter_paused 1" in said, "there is no checkpoint yet" in said) == (0, True, False)
    assert len(await last_runs(load(Settings, scene.settings), limit=1)) == 1


async def test_the_auditor_writes_runs_and_nothing_else_and_cannot_change_them(scene: Scene) -> None:
    """What was found stays found."""
    await scene.reconciled()
    with psycopg.connect(scene.settings["CASHBACK_LEDGER_AUDIT_DSN"], autocommit=True) as connection:
        for forbidden in (
            "update ledger.reconciliations set findings = 0",
            "delete from ledger.reconciliations",
            "update ledger.cashback_ledger set state = 'minted'",
            "insert into ledger.number_fence (incarnation) values ('x')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden.encode())
    with (
        psycopg.connect(scene.dsns["cashback"], autocommit=True) as owner,
        pytest.raises(psycopg.Error, match="stay as they are"),
    ):
        owner.execute("update ledger.reconciliations set findings = 1")

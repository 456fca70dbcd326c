"""What counts as a difference between ledger, minting and chain, and what merely is under way."""

import re
from datetime import UTC, datetime, timedelta

import click
import msgspec
import pytest

from cashback.cli.command import root
from cashback.ledger.model import ChainStatus, ContractStanding, LaneNonces
from cashback.processes.reconcile import Bounds, Finding, Kind, Requested, Seen, Suspect, judge
from cashback.processes.reconcile.compare import supply
from cashback.processes.reconcile.findings import FINDINGS_OF_KIND_MAX, REMEDIES, STANDING, Findings, finding
from cashback.processes.reconcile.sources import NodeSilent, contract_findings, finality_findings

FINAL = 100
SIGNER = b"\x07" * 20
MINED_AT = datetime(2026, 1, 1, tzinfo=UTC)
TRANSACTION = "0xaa"


def mint(number: int = 1, *, block: int | None = 50) -> Requested:
    """Return a mint of 1,000 units, settled in `block` unless that is None."""
    return Requested(
        number=number,
        cashback_id=f"cb_{number}",
        recipient="0xAbC0",
        amount=1_000,
        minted_in_block=block,
        transaction_hash=None if block is None else TRANSACTION,
    )


def log(number: int = 1, *, block: int = 50) -> Seen:
    """Return the log that such a mint leaves; the chain knows no upper case."""
    return Seen(number=number, recipient="0xabc0", amount=1_000, block_number=block, transaction_hash=TRANSACTION)


def found(
    requested: Requested | None, seen: Seen | None, record: Requested | None, *, until: int = -1, compared: int = -1
) -> list[Finding]:
    """Return the differences about one mint."""
    told = [one for one in (requested, seen, record) if one is not None]
    suspect = Suspect(number=told[0].number, mint=requested, record=record, log=seen)
    return list(judge(suspect, Bounds(at_block=FINAL, unsettled_until=until, settled_to=compared)))


def test_a_settled_mint_with_its_log_and_record_is_no_difference() -> None:
    """Addresses are compared whatever their case."""
    assert found(mint(), log(), mint()) == []


@pytest.mark.parametrize(
    "requested, seen, record",
    [
        (mint(block=None), None, None),
        (mint(block=None), None, mint(block=None)),
        (mint(block=None), log(), mint()),
        (mint(block=FINAL + 1), None, mint(block=FINAL + 1)),
    ],
    ids=["just requested", "submitted", "minted, not yet settled", "settled above the final block"],
)
def test_what_is_under_way_is_no_difference(requested: Requested, seen: Seen | None, record: Requested | None) -> None:
    """A source that is behind is not wrong."""
    assert found(requested, seen, record) == []


@pytest.mark.parametrize(
    "kind, seen, record",
    [
        (Kind.MISSING_LOG, None, mint()),
        (Kind.WRONG_AMOUNT, msgspec.structs.replace(log(), amount=999), mint()),
        (Kind.WRONG_RECIPIENT, msgspec.structs.replace(log(), recipient="0xdead"), mint()),
        (Kind.WRONG_PLACE, log(block=51), mint()),
        (Kind.WRONG_PLACE, msgspec.structs.replace(log(), transaction_hash="0xbb"), mint()),
        (Kind.RECORD_MISSING, log(), None),
        (Kind.RECORD_DIFFERS, log(), msgspec.structs.replace(mint(), amount=999)),
        (Kind.RECORD_DIFFERS, log(), msgspec.structs.replace(mint(), recipient="0xdead")),
        (Kind.RECORD_DIFFERS, log(), msgspec.structs.replace(mint(), cashback_id="cb_2")),
    ],
)
def test_a_difference_about_a_settled_mint_is_named(kind: Kind, seen: Seen | None, record: Requested | None) -> None:
    """Each has the mint's number and cashback as its place, and says what a person does about it."""
    [difference] = found(mint(), seen, record)
    assert (difference.kind, difference.place, difference.remedy) == (kind, "mint 1 (cb_1)", REMEDIES[kind])
    assert difference.expected != difference.found


@pytest.mark.parametrize(
    "kind, seen",
    [
        (Kind.MISSING_LOG, None),
        (Kind.WRONG_PLACE, log(block=51)),
        (Kind.WRONG_PLACE, msgspec.structs.replace(log(), transaction_hash="0xbb")),
    ],
)
def test_what_minting_alone_has_settled_is_held_against_the_log_too(kind: Kind, seen: Seen | None) -> None:
    """Minting knows the place before the ledger does, and may be wrong about it."""
    [difference] = found(mint(block=None), seen, mint())
    assert (difference.kind, difference.place) == (kind, "mint 1 (cb_1)")


def test_two_places_for_one_mint_are_two_differences_where_neither_is_right() -> None:
    """The ledger names one block, minting another, and the log stands in a third."""
    differences = found(mint(block=48), log(), mint(block=49))
    assert [one.kind for one in differences] == [Kind.WRONG_PLACE, Kind.WRONG_PLACE]


@pytest.mark.parametrize(
    "requested, record, told",
    [
        (mint(block=None), None, "ledger: not settled, minting: no record"),
        (mint(block=None), mint(block=None), "ledger: not settled, minting: not settled"),
        (mint(block=None), mint(), "ledger: not settled, minting: settled in block 50"),
        (mint(), mint(block=None), "ledger: settled in block 50, minting: not settled"),
    ],
)
def test_a_log_of_long_ago_must_be_settled_by_both(requested: Requested, record: Requested | None, told: str) -> None:
    """Up to that block it is a difference, above it merely under way."""
    assert found(requested, log(), record, until=49) == []
    [difference] = found(requested, log(), record, until=50)
    assert (difference.kind, difference.place, difference.found) == (Kind.UNSETTLED_LOG, "mint 1 (cb_1)", told)


def test_what_both_have_settled_or_the_chain_does_not_show_is_not_settling() -> None:
    """However long ago it was."""
    assert found(mint(), log(), mint(), until=FINAL) == []
    assert found(mint(block=None), None, mint(block=None), until=FINAL) == []


def test_another_log_of_what_an_earlier_run_compared_is_a_duplicate() -> None:
    """The record is not held against it: it was not read again."""
    [difference] = found(mint(block=50), log(block=60), None, compared=50)
    assert (difference.kind, difference.place) == (Kind.DUPLICATE_LOG, "mint 1 (cb_1)")


def test_a_log_or_a_record_that_nobody_requested_is_unexpected() -> None:
    """Whatever an earlier source shows, the ledger must know of."""
    [of_log] = found(None, log(7), None)
    [of_record] = found(None, None, mint(7))
    assert (of_log.kind, of_log.place) == (Kind.UNEXPECTED_LOG, "mint 7")
    assert (of_record.kind, of_record.place) == (Kind.RECORD_UNEXPECTED, "mint 7")
    assert {one.kind for one in found(None, log(7), mint(7))} == {Kind.UNEXPECTED_LOG, Kind.RECORD_UNEXPECTED}


def test_what_the_ledger_alone_has_settled_is_called_so() -> None:
    """Neither minting nor the chain know of it; above the block that was read nothing is known yet."""
    [difference] = found(mint(), None, None)
    assert difference.kind is Kind.LEDGER_ONLY
    assert found(mint(block=FINAL + 1), None, None) == []


def test_the_supply_is_what_was_minted_less_what_was_burned() -> None:
    """One unit more or less is a difference at that block."""
    assert list(supply(minted=3_000, burned=500, total_supply=2_500, at_block=FINAL)) == []
    for total in (2_499, 2_501):
        [difference] = supply(minted=3_000, burned=500, total_supply=total, at_block=FINAL)
        assert (difference.kind, difference.place) == (Kind.SUPPLY_DIFFERS, f"block {FINAL}")
        assert (difference.expected, difference.found) == ("2500", str(total))


def test_every_kind_says_what_to_do() -> None:
    """Nobody is left with a name alone."""
    assert set(REMEDIES) == set(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_every_remedy_names_a_command_that_exists_with_its_options(kind: Kind) -> None:
    """What a person copies at night must run."""
    named = re.findall(r"cashback ((?:[a-z]+ ?)+)((?:--[a-z-]+)?)", REMEDIES[kind])
    assert named
    for words, option in named:
        command: click.Command | None = root
        for word in words.split():
            # Words that follow a whole command are the sentence's.
            if isinstance(command, click.Group):
                command = command.get_command(click.Context(command), word)
        assert command is not None
        assert not isinstance(command, click.Group)
        options = {name for parameter in command.params for name in parameter.opts}
        assert option in {"", *options}


def status_of(*, decimals: int = 6, operators: list[bytes], is_draining: bool = False) -> ChainStatus:
    """Return what an adapter of one signer tells."""
    lane = LaneNonces(
        address=SIGNER, next_nonce=1, mined_nonce=1, final_nonce=1, gas_money_wei=1, is_draining=is_draining
    )
    return ChainStatus(
        chain_id=1,
        head=9,
        final=9,
        halted_reason="",
        accepted_waiting=0,
        held=0,
        lanes=[lane],
        endpoints=[],
        limit=None,
        standing=ContractStanding(decimals=decimals, is_paused=False, is_minter=True, operators=operators),
    )


def test_a_signer_without_its_role_is_told_unless_it_is_on_its_way_out() -> None:
    """The last step of a rotation is to revoke the role of the old key."""
    assert list(contract_findings(status_of(operators=[SIGNER]))) == []
    [lost] = contract_findings(status_of(operators=[]))
    assert (lost.kind, lost.place) == (Kind.ROLE_LOST, f"signer 0x{SIGNER.hex()}")
    assert list(contract_findings(status_of(operators=[], is_draining=True))) == []


def test_contracts_that_nobody_tells_of_are_not_called_well() -> None:
    """The run fails, and is tried again."""
    with pytest.raises(NodeSilent):
        list(contract_findings(msgspec.structs.replace(status_of(operators=[]), standing=None)))


@pytest.mark.parametrize("newest_s, now_s, is_stale", [(60, 60, False), (61, 0, True), (0, 61, True)])
def test_a_final_block_is_stale_by_the_newest_block_or_by_the_clock(newest_s: int, now_s: int, is_stale: bool) -> None:
    """A chain that stands still altogether is found by the clock alone."""
    status = msgspec.structs.replace(
        status_of(operators=[SIGNER]), head_mined_at=MINED_AT + timedelta(seconds=newest_s)
    )
    now = MINED_AT + timedelta(seconds=now_s)
    found = list(finality_findings(status, at_block=FINAL, mined_at=MINED_AT, now=now, stale_s=60))
    assert [one.kind for one in found] == [Kind.STALE_FINALITY] * is_stale


@pytest.mark.parametrize("requested_s, is_lost", [(-1, True), (0, False)])
def test_a_request_that_is_under_way_for_too_long_is_lost(requested_s: int, is_lost: bool) -> None:
    """Minting has had it within the bound, or never will; one that was given up is none."""
    at = MINED_AT + timedelta(seconds=requested_s)
    requested = msgspec.structs.replace(mint(block=None), requested_at=at)
    bounds = Bounds(at_block=FINAL, lost_before=MINED_AT)

    def judged(one: Requested, record: Requested | None) -> list[Kind]:
        return [found.kind for found in judge(Suspect(number=1, mint=one, record=record, log=None), bounds)]

    assert judged(requested, None) == [Kind.LEDGER_ONLY] * is_lost
    assert judged(requested, mint(block=None)) == []
    assert judged(msgspec.structs.replace(requested, is_retired=True), None) == []


def test_of_each_kind_the_first_are_listed_and_all_are_counted() -> None:
    """A flood of one kind neither fills the memory nor hides another kind."""
    findings = Findings()
    findings.take(finding(Kind.MISSING_LOG, f"mint {number}", expected=1, found=0) for number in range(250))
    findings.take([finding(Kind.BOOKS_DIFFER, "I8", expected=1, found=0)], in_all=7)
    assert findings.kinds == {Kind.MISSING_LOG: 250, Kind.BOOKS_DIFFER: 7}
    listed = [one.kind for one in findings.kept]
    assert listed == [Kind.MISSING_LOG] * FINDINGS_OF_KIND_MAX + [Kind.BOOKS_DIFFER]


@pytest.mark.parametrize("kind", Kind)
def test_only_what_is_asked_anew_each_time_leaves_a_checkpoint(kind: Kind) -> None:
    """A later run would step over any other difference."""
    findings = Findings()
    findings.take([finding(kind, "here", expected=1, found=0)])
    assert findings.is_checkpoint is (kind in STANDING)

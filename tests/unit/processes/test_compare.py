"""What counts as a difference between ledger, minting and chain, and what merely is under way."""

import msgspec
import pytest

from cashback.processes.reconcile import Finding, Kind, Requested, Seen, compare
from cashback.processes.reconcile.compare import REMEDIES, index, supply, unexpected, unrequested

FINAL = 100
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


def found(requested: Requested, seen: Seen | None, record: Requested | None) -> list[Finding]:
    """Return the differences about one mint."""
    records = {} if record is None else {record.number: record}
    logs = {} if seen is None else {seen.number: seen}
    return list(compare([requested], records, logs, at_block=FINAL))


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


def test_a_number_with_two_logs_is_a_duplicate_and_the_first_one_counts() -> None:
    """Both transactions are named."""
    twice = msgspec.structs.replace(log(block=60), transaction_hash="0xbb")
    logs, [difference] = index([log(), twice, log(2)])
    assert logs == {1: log(), 2: log(2)}
    assert (difference.kind, difference.expected, difference.found) == (Kind.DUPLICATE_LOG, TRANSACTION, "0xbb")


def test_a_log_or_a_record_that_nobody_requested_is_unexpected() -> None:
    """Whatever an earlier source shows, the ledger must know of."""
    [of_log] = unexpected({1: log(), 7: log(7)}, {1, 2})
    [of_record] = unrequested({1: mint(), 7: mint(7)}, {1, 2})
    assert (of_log.kind, of_log.place) == (Kind.UNEXPECTED_LOG, "mint 7")
    assert (of_record.kind, of_record.place) == (Kind.RECORD_UNEXPECTED, "mint 7")


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

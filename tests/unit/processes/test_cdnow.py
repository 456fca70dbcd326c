"""The demo's purchases are what the README beside them says, to the cent."""

import re
from datetime import UTC, datetime

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from cashback.processes.demo import SAMPLE_FILE, Sample, read_sample
from cashback.processes.importing import Problem, rows_of


@pytest.fixture(scope="module")
def sample() -> list[Sample]:
    """Give all of it."""
    return read_sample()


def test_there_are_as_many_purchases_and_customers_as_are_told(sample: list[Sample]) -> None:
    """And every number in the README is one of these."""
    assert (len(sample), len({purchase.user for purchase in sample})) == (6_919, 2_357)
    told = (SAMPLE_FILE.parent / "README.md").read_text(encoding="utf-8")
    assert "6,919 purchases of 2,357 customers" in told
    assert "eight purchases cost nothing" in told


def test_the_amounts_are_cents_that_add_up(sample: list[Sample]) -> None:
    """$244,091.94 in all; eight purchases cost nothing."""
    assert all(re.fullmatch(r"0|[1-9][0-9]*", purchase.amount_minor) for purchase in sample)
    amounts = [int(purchase.amount_minor) for purchase in sample]
    assert (sum(amounts), amounts.count(0)) == (24_409_194, 8)
    assert {purchase.currency for purchase in sample} == {"USD"}


def test_references_are_the_lines_numbers_and_users_the_customers(sample: list[Sample]) -> None:
    """Each purchase has a name of its own, which is its idempotency key."""
    assert [purchase.reference for purchase in sample] == [f"cdnow-{line:04d}" for line in range(1, 6_920)]
    numbers = [int(purchase.user.removeprefix("cdnow-")) for purchase in sample]
    assert numbers == sorted(numbers)
    assert sorted(set(numbers)) == list(range(1, 2_358))


def test_every_wallet_is_derived_from_its_customer_and_nobody_has_its_key(sample: list[Sample]) -> None:
    """The last 20 bytes of a hash of a sentence, with the checksum of EIP-55."""
    for user, wallet in {(purchase.user, purchase.wallet) for purchase in sample}:
        number = int(user.removeprefix("cdnow-"))
        assert wallet == to_checksum_address(keccak(text=f"cdnow customer {number}")[-20:])


def test_the_dates_are_midnights_from_january_1997_to_june_1998(sample: list[Sample]) -> None:
    """A date without a time of day is told as midnight UTC."""
    times = [datetime.fromisoformat(purchase.occurred_at) for purchase in sample]
    assert all(time == datetime(time.year, time.month, time.day, tzinfo=UTC) for time in times)
    assert (min(times).date().isoformat(), max(times).date().isoformat()) == ("1997-01-01", "1998-06-30")


def test_a_part_is_the_beginning_of_the_file(sample: list[Sample]) -> None:
    """The demo's part is the same each time."""
    assert read_sample(500) == sample[:500]
    assert read_sample(1) == sample[:1]


def test_the_import_reads_every_row_of_it(sample: list[Sample]) -> None:
    """It is a file as an operator would bring it."""
    rows = list(rows_of(SAMPLE_FILE))
    assert not [row for row in rows if isinstance(row, Problem)]
    assert [row.line for row in rows] == list(range(2, 6_921))

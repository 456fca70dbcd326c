"""`cashback demo`: real purchases to final blocks, beside other systems here, and the proof as result."""

import re
import signal
from pathlib import Path

import msgspec
import pytest

from cashback.cli.command import EXIT_DIFFERENCE, EXIT_INTERRUPTED
from cashback.processes.demo import read_sample
from cashback.processes.embedded import eventually
from tests.integration.cli.chain import Chain, chain_of
from tests.integration.cli.launch import launched

WITHIN_S = 240.0
"""A demo starts every server and has hundreds of purchases minted, and two of them share the machine's cores."""

GRANTED = 498
TOKENS = "774120000"
ROWS_OF_ALL = (
    "granted +6,911",
    "sum +6,919",
    "minted, says the ledger +6,911",
    "minted, say the contract's logs +6,911",
    "total supply, says the contract",
    "minted as requested",
)
"""Rows that tell, in their own way, all that the whole sample earns."""


@pytest.mark.timeout(300)
@pytest.mark.invariant("I10")
def test_the_demo_proves_what_it_did_and_another_one_beside_it_does_not_matter(
    tmp_path: Path, anvil_program: Path
) -> None:
    """One document on standard output; what the other one leaves behind when it is interrupted is nothing."""
    anvil = {"CASHBACK_ANVIL": str(anvil_program)}
    with (
        launched(tmp_path / "one", "demo", "--json", settings=anvil) as one,
        launched(tmp_path / "other", "demo", settings=anvil) as other,
    ):
        other.await_said("posting 159 users", within_s=WITHIN_S)
        other.tell(signal.SIGTERM)
        assert other.ended(within_s=WITHIN_S) == EXIT_INTERRUPTED, other.said
        assert (other.survivors(), list(other.scratch.iterdir())) == ([], [])
        assert one.ended(within_s=WITHIN_S) == 0, one.said
        assert (one.survivors(), list(one.scratch.iterdir())) == ([], [])
    told = msgspec.json.decode(one.printed)
    report, pushed = told["report"], told["pushed"]
    assert (told["agrees"], report["findings"]) == (True, [])
    assert (report["minted"], report["logs"], report["declined"]) == (GRANTED, GRANTED, 2)
    assert report["total_supply"] == report["minted_amount"] == report["logs_amount"] == TOKENS
    assert {reason: part["purchases"] for reason, part in pushed["decisions"].items()} == {
        "granted": GRANTED,
        "nothing_paid": 2,
    }


@pytest.mark.deep
def test_the_demo_shows_amounts_in_base_units_and_as_tokens(tmp_path: Path, anvil_program: Path) -> None:
    """With --all, all of it: 6,919 purchases, each granted or declined, and every token of it on the chain."""
    with launched(tmp_path / "home", "demo", "--all", settings={"CASHBACK_ANVIL": str(anvil_program)}) as demo:
        assert demo.ended(within_s=300) == 0, demo.said
        cents = sum(int(purchase.amount_minor) * 500 // 10_000 for purchase in read_sample())
        shown = f"{cents * 10_000:,} +{cents // 100:,}.{cents % 100:02d}0000 CBK"
        for row in ROWS_OF_ALL:
            assert re.search(f"{row} .*{shown}\n", demo.printed), (row, demo.printed)


@pytest.mark.deep
def test_the_demo_exits_with_3_when_the_chain_holds_something_else(tmp_path: Path, anvil_program: Path) -> None:
    """One base unit that nobody minted, planted into the token's storage behind everybody's back."""
    with launched(tmp_path / "home", "demo", settings={"CASHBACK_ANVIL": str(anvil_program)}) as demo:
        demo.await_said("posting 159 users", within_s=WITHIN_S)
        chain: Chain = chain_of(demo)
        assert eventually(lambda: chain.total_supply() > 0, within_s=WITHIN_S)
        chain.plant_supply(1)
        assert demo.ended(within_s=WITHIN_S) == EXIT_DIFFERENCE, demo.said
        assert "supply_differs" in demo.printed
        assert "the chain holds NOT what was answered" in demo.said

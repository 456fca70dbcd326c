"""What the command line shows of mints that are held."""

from datetime import UTC, datetime

import pytest

from cashback.chain.model import AdapterView, Address, MintView
from cashback.cli import mints, standing
from cashback.processes.chain_status import Standing

VIEW = AdapterView(
    chain_id=31_337,
    token=Address(b"\2" * 20),
    minter=Address(b"\3" * 20),
    epoch="epo_1",
    head=100,
    safe=98,
    final=96,
    accepted_waiting=1_234,
    held=2,
    held_numbers=[7, 2**62],
    total_supply=5,
    tip_floor_wei=1,
    tip_cap_wei=2,
    fee_cap_wei=100,
    allowance=None,
    lanes=[],
    endpoints=[],
    halts=[],
)


def test_a_held_mint_is_shown_with_its_reason_and_since_when() -> None:
    """As the adapter knows it; what it has not reached is nothing."""
    view = MintView(number=7, state="held", reason="unexplained", accepted_at_ms=1_000, held_at_ms=2_500)
    shown = mints._as_the_adapter_knows(view)
    assert (shown["state"], shown["reason"], shown["submitted_at"]) == ("held", "unexplained", None)
    assert shown["held_at"] == datetime.fromtimestamp(2.5, UTC)


def test_the_standing_counts_and_names_held_mints(capsys: pytest.CaptureFixture[str]) -> None:
    """For a program their numbers are strings, since readers of JSON round large ones."""
    found = Standing(VIEW, ["2 held"])
    document = standing.document(found)
    assert (document["held"], document["held_numbers"]) == (2, ["7", str(2**62)])
    standing.show(found)
    told = capsys.readouterr().out
    assert [line.split()[-1] for line in told.splitlines() if "mints held" in line] == ["2"]
    assert "needs a person: 2 held" in told

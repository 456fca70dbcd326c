"""What the command line shows of mints that are held, and of a chain of which no node tells."""

from datetime import UTC, datetime

import msgspec
import pytest

from cashback.chain.model import AdapterView, Address, EndpointView, MintView
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


def test_a_chain_of_which_no_node_tells_has_no_head_and_no_lag(capsys: pytest.CaptureFixture[str]) -> None:
    """0 would be a figure; what was safe and final is known all the same."""
    away = EndpointView(name="rpc1", is_healthy=False, head=0, lag=0, problem="refused")
    found = Standing(msgspec.structs.replace(VIEW, head=0, endpoints=[away]), [])
    document = standing.document(found)
    assert (document["head"], document["final"]) == (None, 96)
    untold = {"name": "rpc1", "is_healthy": False, "head": None, "lag_blocks": None, "problem": "refused"}
    assert document["endpoints"] == [untold]
    standing.show(found)
    told = capsys.readouterr().out
    assert "head not told, safe 98, final 96" in told
    assert [line.split() for line in told.splitlines() if "rpc1" in line] == [["rpc1", "WRONG", "?", "?", "refused"]]


def test_a_chain_whose_nodes_answer_has_a_head_and_a_lag(capsys: pytest.CaptureFixture[str]) -> None:
    """The one that is furthest is 0 blocks behind."""
    well = EndpointView(name="rpc1", is_healthy=True, head=100, lag=0, problem="")
    found = Standing(msgspec.structs.replace(VIEW, endpoints=[well]), [])
    assert standing.document(found)["head"] == 100
    standing.show(found)
    told = capsys.readouterr().out
    assert "head 100, safe 98" in told
    assert [line.split() for line in told.splitlines() if "rpc1" in line] == [["rpc1", "ok", "100", "0"]]

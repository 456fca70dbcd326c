"""What of an adapter's state needs a person: a table of cases, one worry each."""

import msgspec
import pytest

from cashback.chain.model import (
    AdapterView,
    Address,
    Allowance,
    AnchorView,
    EndpointView,
    Halt,
    LaneView,
    LatestAnchors,
    Person,
)
from cashback.chain.rules.attention import LAG_BLOCKS_MAX, worries

LANE = LaneView(
    address=Address(b"\1" * 20),
    next_nonce=7,
    final_nonce=3,
    latest_nonce=4,
    pending_nonce=6,
    open_slots=3,
    waits_for="",
    gas_money_wei=10**18,
)
ENDPOINT = EndpointView(name="0:node:8545", is_healthy=True, head=100, lag=0, problem="")
ALLOWANCE = Allowance(base_fee_wei=7, is_paused=False, capacity=10, window_s=5, available=4, supply_cap=100)
WELL = AdapterView(
    chain_id=31_337,
    token=Address(b"\2" * 20),
    minter=Address(b"\3" * 20),
    epoch="epo_1",
    head=100,
    safe=98,
    final=96,
    accepted_waiting=0,
    held=0,
    held_numbers=[],
    total_supply=5,
    tip_floor_wei=1,
    tip_cap_wei=2,
    fee_cap_wei=100,
    allowance=ALLOWANCE,
    lanes=[LANE],
    endpoints=[ENDPOINT],
    halts=[],
)
HELD_ANCHOR = AnchorView(up_to=7, state="held", root=bytes(32), reason="out_of_gas")
HALT = Halt(reason="by_hand", detail="a drill", by=Person("alice"), at_ms=1)


def changed(struct: msgspec.Struct, **changes: object) -> msgspec.Struct:
    """Return a struct with some fields otherwise."""
    return msgspec.structs.replace(struct, **changes)


@pytest.mark.parametrize(
    "changes,worry",
    [
        ({"halts": [HALT]}, "halted by alice: a drill; once that is mended, `cashback chain resume --reason WHY`"),
        ({"halts": [changed(HALT, detail="", reason="calls_keep_reverting")]}, "calls_keep_reverting"),
        (
            {"halts": [changed(HALT, detail="", reason="reorganised_below_final")]},
            "chain recover --reason WHY --dry-run",
        ),
        ({"endpoints": [changed(ENDPOINT, is_healthy=False, problem="refused")]}, "does not answer: refused"),
        ({"endpoints": [changed(ENDPOINT, lag=LAG_BLOCKS_MAX + 1)]}, f"{LAG_BLOCKS_MAX + 1} blocks behind"),
        ({"lanes": [changed(LANE, waits_for="no_gas_money")]}, "gas money"),
        ({"lanes": [changed(LANE, gas_level="low", gas_batches=7)]}, "gas money is low, it certainly pays for 7 more"),
        ({"lanes": [changed(LANE, gas_level="critical", waits_for="no_gas_money")]}, "used up"),
        ({"lanes": [changed(LANE, waits_for="role_missing")]}, "role"),
        ({"lanes": [changed(LANE, waits_for="key_refused")]}, "the key service refuses to sign"),
        ({"lanes": [changed(LANE, waits_for="key_unavailable")]}, "the key service gives no signature"),
        ({"lanes": [changed(LANE, waits_for="replacement_unsigned")]}, "cannot be signed by its key service"),
        ({"lanes": [changed(LANE, latest_nonce=None, pending_nonce=None)]}, "no node tells its nonces"),
        ({"head": 95}, "the head is block 95, below block 96 that was final"),
        ({"allowance": None}, "what the contracts allow"),
        ({"anchors": LatestAnchors(HELD_ANCHOR, None)}, "the anchor up to 7 is held: out_of_gas;"),
        ({"held": 2, "held_numbers": [7, 9]}, "2 held, since the contracts refuse them: 7, 9;"),
        ({"held": 3, "held_numbers": [7, 9]}, "3 held, since the contracts refuse them: 7, 9, ...;"),
        ({"allowance": changed(ALLOWANCE, is_paused=True)}, "paused"),
        (
            {"allowance": changed(ALLOWANCE, is_paused=True), "lanes": [changed(LANE, waits_for="minter_paused")]},
            "paused",
        ),
    ],
)
def test_what_a_person_must_mend_is_a_worry_once(changes: dict[str, object], worry: str) -> None:
    """Each case alone gives one sentence that names it."""
    [found] = worries(changed(WELL, **changes))  # type: ignore[arg-type]  # an AdapterView
    assert worry in found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"endpoints": [changed(ENDPOINT, lag=LAG_BLOCKS_MAX)]},
        {"lanes": [changed(LANE, waits_for="fee_above_cap")]},
        {"lanes": [changed(LANE, waits_for="mint_limit_reached")]},
        {"lanes": []},
        {"head": 96},
    ],
)
def test_what_passes_by_itself_is_no_worry(changes: dict[str, object]) -> None:
    """Fees fall and the limiter refills; an adapter that has no lane yet is starting."""
    assert worries(changed(WELL, **changes)) == []  # type: ignore[arg-type]  # as above


def test_the_gap_is_what_no_pool_holds_of_ours() -> None:
    """A chain that is further than we are has no gap: that is a divergence, which halts."""
    gaps = [LANE, changed(LANE, pending_nonce=7), changed(LANE, pending_nonce=9), changed(LANE, pending_nonce=None)]
    assert [lane.gap for lane in gaps] == [1, 0, 0, None]  # type: ignore[attr-defined]  # LaneViews

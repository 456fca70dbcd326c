"""What of an adapter's state needs a person, and what passes by itself."""

from collections.abc import Sequence
from typing import Final

from cashback.chain.model import AdapterView, EndpointView, LaneView

LAG_BLOCKS_MAX: Final = 5
"""An endpoint that is further behind answers for a chain that nobody is on any more."""

_FOR_A_PERSON: Final = {
    "minter_paused": "the minter is paused; its admin lifts that",
    "role_missing": "the signer or the minter has lost its role; an admin grants it",
    "supply_cap_reached": "the token's supply cap leaves less than the next mint; what is larger can never be minted",
    "calls_refused": "the contracts refuse every call, of whichever mints, so nothing is held; look at the contracts",
    "no_gas_money": "its gas money is used up; send some to the signer's address",
    "fee_below_minimum": "its fee is below what the nodes take; raise CASHBACK_TIP_FLOOR_WEI",
    "send_not_taken": "no node takes what it sends; the log has their words",
    "key_refused": "the key service refuses to sign for it; the log says what to change",
    "key_unavailable": "the key service gives no signature of its key; the log says why",
    "replacement_unsigned": "what is to be dearer cannot be signed by its key service; the log says why",
}
"""What a lane waits for and does not get without a person. Whatever else it waits for passes: fees fall again, the
limiter refills."""

_LIFTED: Final = "once that is mended, `cashback chain resume --reason WHY` lifts every halt"
_RESTORED: Final = (
    "the chain database is older than what minting has read of it: `cashback chain halt --reason WHY` halts the adapter"
    " as well, `cashback chain recover --reason WHY` has it know its chain again, and only then `cashback chain resume"
    " --reason WHY` lifts every halt"
)
_MENDED_BY: Final = {
    "cursor_ahead": _RESTORED,
    "cursor_foreign": _RESTORED,
    "reorganised_below_final": (
        "the nodes have other blocks than were final: `cashback chain recover --reason WHY --dry-run` tells what the"
        " records would give up, without `--dry-run` they do, and `cashback chain resume --reason WHY` lifts the halt"
    ),
}
"""Halts that a command mends, the adapter's and the mint worker's; lifted without it they come again, or what was lost
is never seen."""


def worries(view: AdapterView) -> list[str]:
    """Return what needs a person, one sentence each; empty when nothing does."""
    found = [
        f"minting is halted by {halt.by.name}: {halt.detail or halt.reason}; {mended_by(halt.reason)}"
        for halt in view.halts
    ]
    for endpoint in view.endpoints:
        found += _of_endpoint(endpoint)
    # While no node answers the head is not told, and the endpoints have a worry of their own.
    if view.is_head_told and view.head < view.final:
        found.append(
            f"the head is block {view.head}, below block {view.final} that was final: the nodes have lost blocks, and"
            " nothing is followed until they have more"
        )
    for lane in view.lanes:
        found += _of_lane(lane)
    if view.held:
        found.append(_of_held(view.held, view.held_numbers))
    newest = view.anchors.newest
    if newest is not None and newest.state == "held":
        found.append(f"the anchor up to {newest.up_to} is held: {newest.reason}; asked for again it is tried again")
    if view.allowance is None:
        found.append("no node tells what the contracts allow")
    elif view.allowance.is_paused and not any(lane.waits_for == "minter_paused" for lane in view.lanes):
        found.append(_FOR_A_PERSON["minter_paused"])
    return found


def halted_for(reason: str) -> str:
    """Return that minting is halted, and why: a reason has a row in the runbook, a person's order says so itself.

    >>> halted_for("by_hand"), halted_for("unknown_mint")
    ('minting is halted by hand', 'minting is halted: unknown_mint')
    """
    return "minting is halted by hand" if reason == "by_hand" else f"minting is halted: {reason}"


def mended_by(reason: str) -> str:
    """Return what a person does about a halt for this reason, and what lifts it.

    >>> mended_by("by_hand")
    'once that is mended, `cashback chain resume --reason WHY` lifts every halt'
    """
    return _MENDED_BY.get(reason, _LIFTED)


def _of_endpoint(endpoint: EndpointView) -> list[str]:
    """Return what is wrong with one endpoint."""
    if not endpoint.is_healthy:
        return [f"endpoint {endpoint.name} does not answer: {endpoint.problem}"]
    if endpoint.lag > LAG_BLOCKS_MAX:
        return [f"endpoint {endpoint.name} is {endpoint.lag} blocks behind"]
    return []


def _of_held(held: int, numbers: Sequence[int]) -> str:
    """Return what is to be done about mints that the contracts refuse."""
    first = ", ".join(map(str, numbers)) + (", ..." if held > len(numbers) else "")
    return f"{held} held, since the contracts refuse them: {first}; `cashback mint show NUMBER` tells why"


def _of_lane(lane: LaneView) -> list[str]:
    """Return what one lane waits for and does not get by itself."""
    name = f"lane 0x{lane.address.hex()}"
    if lane.waits_for in _FOR_A_PERSON:
        return [f"{name}: {_FOR_A_PERSON[lane.waits_for]}"]
    if lane.latest_nonce is None:
        return [f"{name}: no node tells its nonces"]
    if lane.gas_level in {"low", "critical"}:
        lasting = f"certainly pays for {lane.gas_batches} more batches only"
        return [f"{name}: its gas money is {lane.gas_level}, it {lasting}; send some to the signer's address"]
    return []

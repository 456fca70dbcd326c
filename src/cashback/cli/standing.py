"""How `cashback chain status` shows an adapter: tables for people, one document for programs."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from cashback.cli.output import gwei, print_facts, print_table, say, tokens
from cashback.kernel.addresses import address_text

if TYPE_CHECKING:
    from cashback.chain.model import AdapterView, AnchorView, Halt, LaneView, LatestAnchors
    from cashback.processes.chain_status import Standing
    from cashback.processes.minting_standing import MintingStanding
    from cashback.processes.reconciled import Reconciled

_MICROETHER: Final = 10**12
_UNTOLD: Final = "not told"


def document(standing: "Standing") -> dict[str, object]:
    """Return a standing for JSON: amounts and prices are decimal strings, so that no reader rounds them."""
    view = standing.view
    allowance = view.allowance
    return {
        "worries": standing.worries,
        "halts": [_halt(halt) for halt in view.halts],
        "minting": None if standing.minting is None else _minting(standing.minting),
        "reconciliation": None if standing.reconciled is None else _reconciled(standing.reconciled),
        "minting_told_ms_ago": view.minting_told_ms_ago,
        "chain_id": view.chain_id,
        "token": address_text(view.token),
        "minter": address_text(view.minter),
        "epoch": view.epoch,
        "head": view.head if view.is_head_told else None,
        "safe": view.safe,
        "final": view.final,
        "accepted_waiting": view.accepted_waiting,
        "held": view.held,
        "held_numbers": [str(number) for number in view.held_numbers],
        "anchors": {"newest": _anchor(view.anchors.newest), "final": _anchor(view.anchors.final)},
        "total_supply": None if view.total_supply is None else str(view.total_supply),
        "supply_cap": None if allowance is None else str(allowance.supply_cap),
        "limiter": None
        if allowance is None
        else {
            "capacity": str(allowance.capacity),
            "window_s": allowance.window_s,
            "available": str(allowance.available),
            "is_paused": allowance.is_paused,
        },
        "fees": {
            "base_fee_wei": None if allowance is None else str(allowance.base_fee_wei),
            "tip_floor_wei": str(view.tip_floor_wei),
            "tip_cap_wei": str(view.tip_cap_wei),
            "fee_cap_wei": str(view.fee_cap_wei),
        },
        "lanes": [_lane(lane) for lane in view.lanes],
        "endpoints": [
            {
                "name": one.name,
                "is_healthy": one.is_healthy,
                "head": one.head if one.is_healthy else None,
                "lag_blocks": one.lag if one.is_healthy else None,
                "problem": one.problem,
            }
            for one in view.endpoints
        ],
    }


def show(standing: "Standing") -> None:
    """Print a standing for a person, what needs one last."""
    view = standing.view
    print_facts(f"chain {view.chain_id}", _switches(standing) | _facts(view))
    click.echo()
    print_table(
        "lanes",
        ("signer", "next", "pending", "latest", "final", "gap", "open", "ether for gas", "batches", "waits for"),
        [_row(lane) for lane in view.lanes],
    )
    click.echo()
    print_table(
        "endpoints",
        ("endpoint", "state", "head", "blocks behind", "problem"),
        [
            (one.name, "ok", str(one.head), str(one.lag), one.problem)
            if one.is_healthy
            else (one.name, "WRONG", _told(None), _told(None), one.problem)
            for one in view.endpoints
        ],
    )
    click.echo()
    for worry in standing.worries:
        click.echo(f"{click.style('needs a person:', bold=True)} {worry}")
    if not standing.worries:
        say("nothing needs a person")


def _switches(standing: "Standing") -> dict[str, object]:
    """Return whether each of the two switches is on, and when a mint worker was heard of."""
    halted = "; ".join(
        f"{one.reason} by {one.by.name} at {_instant(one.at_ms)}{f': {one.detail}' if one.detail else ''}"
        for one in standing.view.halts
    )
    minting, told_ms_ago = standing.minting, standing.view.minting_told_ms_ago
    if minting is None:
        own = f"{_UNTOLD}; CASHBACK_MINTING_AUDIT_DSN says where to ask"
    else:
        own = "; ".join(
            f"{one.kind.value} by {one.raised_by or 'itself'}{f': {one.detail}' if one.detail else ''}"
            for one in minting.halts
        )
        own = f"HALTED: {own}" if minting.halts else "goes on"
    return {
        "adapter": f"HALTED: {halted}" if halted else "goes on",
        "mint worker": own,
        "mint worker heard of": "never" if told_ms_ago is None else f"{told_ms_ago / 1_000:,.1f} s ago",
        "mints stuck": _UNTOLD if minting is None else f"{minting.stuck:,}",
        "last reconciliation": standing.reconciliation or _UNTOLD,
    }


def _facts(view: "AdapterView") -> dict[str, object]:
    """Return what is one figure."""
    allowance = view.allowance
    head = f"{view.head:,}" if view.is_head_told else _UNTOLD
    return {
        "token": address_text(view.token),
        "minter": address_text(view.minter) + (" (paused)" if allowance is not None and allowance.is_paused else ""),
        "blocks": f"head {head}, safe {view.safe:,}, final {view.final:,}",
        "mints not signed yet": f"{view.accepted_waiting:,}",
        "mints held": f"{view.held:,}",
        "last anchor": _anchored(view.anchors),
        "supply": _UNTOLD if view.total_supply is None else tokens(view.total_supply),
        "supply cap": _UNTOLD if allowance is None else tokens(allowance.supply_cap),
        "limit": _UNTOLD
        if allowance is None
        else f"{tokens(allowance.available)} left of {tokens(allowance.capacity)} per {allowance.window_s:,} s",
        "gas": f"base fee {_UNTOLD if allowance is None else gwei(allowance.base_fee_wei)}, "
        f"tip {gwei(view.tip_floor_wei)} to {gwei(view.tip_cap_wei)}, at most {gwei(view.fee_cap_wei)} in all",
    }


def _row(lane: "LaneView") -> tuple[object, ...]:
    """Return a lane as a row."""
    gas_money = "?" if lane.gas_money_wei is None else _ether(lane.gas_money_wei)
    nonces = (_told(lane.pending_nonce), _told(lane.latest_nonce), str(lane.final_nonce), _told(lane.gap))
    return (
        address_text(lane.address),
        str(lane.next_nonce),
        *nonces,
        str(lane.open_slots),
        gas_money,
        _told(lane.gas_batches),
        _state(lane),
    )


def _ether(wei: int) -> str:
    """Return gas money to a millionth of an ether, rounded down: it never looks like more than it is.

    >>> _ether(1_234_999_999_999_999_999_999)
    '1,234.999999'
    """
    whole, rest = divmod(wei // _MICROETHER, 10**6)
    return f"{whole:,}.{rest:06d}"


def _state(lane: "LaneView") -> str:
    """Return what a lane waits for, or that it leaves; empty when it simply works."""
    if lane.is_drained:
        return "drained: its key may be put away"
    return "; ".join(word for word in ("draining" if lane.is_draining else "", lane.waits_for) if word)


def _lane(lane: "LaneView") -> dict[str, object]:
    """Return a lane as a record."""
    return {
        "signer": address_text(lane.address),
        "next_nonce": lane.next_nonce,
        "pending_nonce": lane.pending_nonce,
        "latest_nonce": lane.latest_nonce,
        "final_nonce": lane.final_nonce,
        "gap": lane.gap,
        "open_slots": lane.open_slots,
        "waits_for": lane.waits_for or None,
        "is_draining": lane.is_draining,
        "is_drained": lane.is_drained,
        "gas_money_wei": None if lane.gas_money_wei is None else str(lane.gas_money_wei),
        "gas_batches": lane.gas_batches,
        "gas_level": lane.gas_level or None,
    }


def _anchored(anchors: "LatestAnchors") -> str:
    """Return up to where evidence is anchored for good, and how far the newest anchor is."""
    newest, final = anchors.newest, anchors.final
    if newest is None:
        return "none"
    told = f"up to {newest.up_to:,}: {newest.state}"
    told += f" in block {newest.block_number:,}" if newest.block_number else ""
    return told if newest == final else f"{told}; final up to {'nothing' if final is None else f'{final.up_to:,}'}"


def _anchor(anchor: "AnchorView | None") -> dict[str, object] | None:
    """Return an anchor as a record, None when there is none."""
    if anchor is None:
        return None
    return {
        "up_to": str(anchor.up_to),
        "root": f"0x{anchor.root.hex()}",
        "state": anchor.state,
        "transaction_hash": f"0x{anchor.transaction_hash.hex()}" if anchor.transaction_hash else None,
        "block_number": anchor.block_number or None,
        "block_hash": f"0x{anchor.block_hash.hex()}" if anchor.block_hash else None,
        "minter": address_text(anchor.minter) if anchor.minter else None,
        "reason": anchor.reason or None,
    }


def _halt(halt: "Halt") -> dict[str, object]:
    """Return a halt as a record."""
    return {
        "reason": halt.reason,
        "detail": halt.detail,
        "by": halt.by.name,
        "certificate": halt.by.certificate,
        "at": datetime.fromtimestamp(halt.at_ms / 1_000, UTC),
    }


def _minting(minting: "MintingStanding") -> dict[str, object]:
    """Return how minting stands as a record."""
    return {
        "halts": [
            {"reason": one.kind.value, "detail": one.detail, "by": one.raised_by, "at": one.raised_at}
            for one in minting.halts
        ],
        "stuck": minting.stuck,
    }


def _reconciled(last: "Reconciled") -> dict[str, object]:
    """Return the last reconciliation as a record."""
    return {
        "ended_at": last.ended_at,
        "whole_ended_at": last.whole_ended_at,
        "at_block": last.at_block,
        "kinds": last.kinds,
        "booked_block": None if last.booked is None else last.booked.at_block,
        "booked_supply": None if last.booked is None else str(last.booked.total_supply),
        "unexplained": str(last.unexplained),
    }


def _told(figure: int | None) -> str:
    """Return a figure, or that nobody told it."""
    return "?" if figure is None else str(figure)


def _instant(at_ms: int) -> str:
    """Return an instant to the second, in UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}"

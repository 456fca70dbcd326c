"""What recovering has changed, as a person reads it and as a program does."""

from typing import TYPE_CHECKING, Final

import click

from cashback.cli.output import print_facts, print_records, say, tokens
from cashback.kernel.addresses import checksum_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cashback.chain.model import Recovered
    from cashback.ledger import Accounted
    from cashback.processes.recovering import Result

NUMBERS_LISTED_MAX: Final = 1_000
"""So many numbers that the ledger had forgotten are listed; all are counted."""


def document(result: "Result", numbers: "Sequence[Accounted]", *, is_dry_run: bool) -> dict[str, object]:
    """Return what was changed, or would be, for programs: amounts and numbers as decimal strings, hashes in hex."""
    recovered = result.adapter
    return {
        "is_dry_run": is_dry_run,
        "reorganised_above": recovered.reorganised_above,
        "taken_back_count": recovered.taken_back_count,
        "taken_back": _taken_back(recovered),
        "unknown_count": recovered.unknown_count,
        "unknown": _unknown(recovered),
        "exposed_count": recovered.exposed_count,
        "exposed": _exposed(recovered),
        "lanes": _lanes(recovered),
        "waiting_again": recovered.waiting_again,
        "epoch_before": recovered.epoch_before,
        "epoch": recovered.epoch,
        "numbers_adopted": result.ledger.adopted,
        "numbers_listed": result.ledger.listed,
        "numbers_accounted_to": str(result.ledger.accounted_to),
        "numbers": _numbers(numbers),
    }


def show(result: "Result", numbers: "Sequence[Accounted]", *, is_dry_run: bool) -> None:
    """Print what was changed, or would be, for a person."""
    recovered = result.adapter
    above = recovered.reorganised_above
    facts: dict[str, object] = {
        "final blocks replaced": "none" if above is None else f"those above {above}",
        "outcomes taken back": recovered.taken_back_count,
        "mints that wait again": recovered.waiting_again,
        "mints nobody submitted here": recovered.unknown_count,
        "retired numbers exposed": recovered.exposed_count,
        "signers set forward": len(recovered.lanes),
        "epoch": recovered.epoch if recovered.epoch == recovered.epoch_before else f"{recovered.epoch}, a new one",
        "numbers the ledger adopted": result.ledger.adopted,
        "numbers for a person to decide": result.ledger.listed,
        "numbers accounted for up to": result.ledger.accounted_to,
    }
    print_facts("would be recovered" if is_dry_run else "recovered", facts)
    for title, records in (
        ("outcomes taken back", _taken_back(recovered)),
        ("mints nobody submitted here", _unknown(recovered)),
        ("retired numbers exposed", _exposed(recovered)),
        ("signers set forward", _lanes(recovered)),
        ("numbers the ledger had forgotten", _numbers(numbers)),
    ):
        if records:
            click.echo()
            for record in records:
                if "token_units" in record:
                    record["tokens"] = tokens(int(str(record.pop("token_units"))))
            print_records(title, records, as_json=False)
    for name, count, listed in (
        ("outcomes taken back", recovered.taken_back_count, len(recovered.taken_back)),
        ("mints nobody submitted here", recovered.unknown_count, len(recovered.unknown)),
        ("retired numbers exposed", recovered.exposed_count, len(recovered.exposed)),
        ("numbers the ledger had forgotten", result.ledger.adopted + result.ledger.listed, len(numbers)),
    ):
        if listed < count:
            say(f"{name}: {listed} of {count} are listed")
    if is_dry_run:
        say("nothing was changed; the same without --dry-run does it")
    else:
        say("minting is still halted; read the list, then `cashback chain resume --reason ...`")


def _taken_back(recovered: "Recovered") -> list[dict[str, object]]:
    """Return the outcomes that are void, as records."""
    return [
        {
            "number": str(one.number),
            "cashback": one.cashback_id,
            "token_units": str(one.amount),
            "was": one.reason or "minted",
            "block": one.place.block_number,
            "transaction": f"0x{one.place.transaction_hash.hex()}",
        }
        for one in recovered.taken_back
    ]


def _unknown(recovered: "Recovered") -> list[dict[str, object]]:
    """Return the mints of the chain that nobody has submitted, as records."""
    return [
        {
            "number": str(one.number),
            "recipient": checksum_address(f"0x{one.recipient.hex()}"),
            "token_units": str(one.amount),
            "block": one.block_number,
            "transaction": f"0x{one.transaction_hash.hex()}",
        }
        for one in recovered.unknown
    ]


def _exposed(recovered: "Recovered") -> list[dict[str, object]]:
    """Return the numbers that our old calls could mint, although they are to be retired again, as records."""
    return [
        {
            "number": str(one.number),
            "cashback": one.cashback_id,
            "token_units": str(one.amount),
            "signer": checksum_address(f"0x{one.signer.hex()}"),
            "nonce": one.nonce,
        }
        for one in recovered.exposed
    ]


def _numbers(numbers: "Sequence[Accounted]") -> list[dict[str, object]]:
    """Return the numbers that the ledger had forgotten, and what was done about each, as records."""
    return [
        {
            "number": str(one.number),
            "found": one.kind.value,
            "cashback": one.cashback_id or None,
            "recipient": one.recipient,
            "token_units": str(one.token_units),
            "detail": one.detail or None,
        }
        for one in numbers
    ]


def _lanes(recovered: "Recovered") -> list[dict[str, object]]:
    """Return the signers that go on from the chain's nonce, as records."""
    return [
        {
            "signer": checksum_address(f"0x{one.address.hex()}"),
            "next_nonce_before": one.next_nonce_before,
            "next_nonce": one.next_nonce,
            "closed_slots": one.closed_slots,
        }
        for one in recovered.lanes
    ]

"""`cashback ledger seals | recomputations`: what proves and checks the books as it was written down, for an auditor."""

import asyncio

import click
import msgspec

from cashback.cli.api import limit_option, say_whether_more
from cashback.cli.output import json_option, print_json, print_records
from cashback.kernel.config import load


@click.command(short_help="List seals, and how far each is on the chain.")
@limit_option
@json_option
def seals(*, limit: int, as_json: bool) -> None:
    """List seals over the books, the newest first, and how far each is on its way to the chain.

    Example: cashback ledger seals --limit 10
    """
    from cashback.processes import evidence as process

    found, following = asyncio.run(process.seals(load(process.Settings), limit=limit))
    if as_json:
        print_json(found)
        say_whether_more(following, limit=limit)
        return
    rows = [
        {
            "number": seal.number,
            "leaves": f"{seal.first_leaf} to {seal.last_leaf}",
            "sealed_at": seal.sealed_at,
            "hash": seal.hash,
            "anchor": None if seal.anchor is None else seal.anchor.state.value,
            "anchored_by": seal.anchored_by,
        }
        for seal in found
    ]
    print_records("seals", rows, as_json=False)
    say_whether_more(following, limit=limit)


@click.command(short_help="List when all balances were recomputed.")
@limit_option
@json_option
def recomputations(*, limit: int, as_json: bool) -> None:
    """List when all balances were computed from their transfers, the newest first, and how many differed.

    Example: cashback ledger recomputations
    """
    from cashback.processes import evidence as process

    found, following = asyncio.run(process.recomputations(load(process.Settings), limit=limit))
    if as_json:
        print_json(found)
    else:
        print_records("recomputations", [msgspec.structs.asdict(run) for run in found], as_json=False)
    say_whether_more(following, limit=limit)

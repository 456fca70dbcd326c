"""`cashback ledger verify | prove`: the books' evidence, for an auditor and for a stranger."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.output import Progress, json_option, print_facts, print_json, print_records, print_table, say
from cashback.kernel.config import load

if TYPE_CHECKING:
    from cashback.ledger import Flaw
    from cashback.processes.anchored import Chain
    from cashback.processes.evidence import ProofChecked


@click.group()
def ledger() -> None:
    """Check the books against their evidence, and prove lines of them.

    Example: cashback ledger verify
    """


@ledger.command(short_help="Recompute the books' evidence, or check a proof.")
@click.option(
    "--from-seal", type=click.IntRange(min=1), default=1, show_default=True, help="Take what is before it for true."
)
@click.option("--proof", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Check this file instead.")
@click.option("--rpc-url", help="A node of your choice: each root must stand on its chain.")
@click.option("--minter", help="The minter contract whose events count; needed with --rpc-url.")
@click.option("--from-block", type=click.IntRange(min=0), default=0, show_default=True, help="Where its events begin.")
@json_option
def verify(  # click hands options over by name
    *, from_seal: int, proof: Path | None, as_json: bool, rpc_url: str | None, minter: str | None, from_block: int
) -> int:
    """Recompute the books' evidence from the rows, or check a proof; exits with 3 at the first difference.

    A proof is checked without a database and without settings.

    Example: cashback ledger verify --from-seal 100
    """
    from cashback.processes import evidence as process

    chain = _chain(rpc_url, minter, from_block)
    if proof is not None:
        checked = asyncio.run(process.verify_proof(proof.read_bytes(), chain=chain))
        return _show_proof(checked, is_asked=chain is not None, as_json=as_json)
    settings = load(process.Settings)
    with Progress("recomputing leaves, chain and roots", None) as progress:
        found = asyncio.run(process.verify(settings, from_seal=from_seal, chain=chain, reached=progress.reach))
    if as_json:
        print_json(found)
    else:
        facts = msgspec.structs.asdict(found)
        flaw = facts.pop("flaw")
        print_facts("the books' evidence", {name.replace("_", " "): f"{value:,}" for name, value in facts.items()})
        _show_flaw(flaw)
    return EXIT_DIFFERENCE if found.flaw else 0


@ledger.command(short_help="Print the proof of a cashback's lines.")
@click.argument("cashback_id")
def prove(cashback_id: str) -> None:
    """Print the proof of every statement line of a cashback: JSON that anybody checks with `verify --proof`.

    Example: cashback ledger prove cb_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.processes import evidence as process

    print_json(asyncio.run(process.prove(load(process.Settings), cashback_id)))


def _chain(rpc_url: str | None, minter: str | None, from_block: int) -> "Chain | None":
    """Return the chain to be asked, None when nobody is.

    Raises:
        UsageError: a node without a contract, or the other way round.
    """
    from cashback.processes.anchored import Chain

    if (rpc_url is None) != (minter is None):
        raise click.UsageError("--rpc-url and --minter go together")
    return None if rpc_url is None or minter is None else Chain(rpc_url=rpc_url, minter=minter, from_block=from_block)


def _show_proof(checked: "ProofChecked", *, is_asked: bool, as_json: bool) -> int:
    """Print what a proof proves, and return the exit code."""
    proved = checked.proved
    if as_json:
        print_json(checked)
        return EXIT_DIFFERENCE if checked.flaw else 0
    columns = ("position", "at", "cause", "amount", "currency")
    rows = [[line[name] for name in columns] for line in proved.lines]
    print_table(f"proved of {proved.cashback_id}", columns, rows)
    anchors = [msgspec.structs.asdict(anchor) for anchor in proved.anchors]
    print_records("what it comes down to", anchors, as_json=False)
    if not is_asked:
        say("nobody was asked whether these roots stand on the chain: give --rpc-url and --minter")
    _show_flaw(checked.flaw)
    return EXIT_DIFFERENCE if checked.flaw else 0


def _show_flaw(flaw: "Flaw | None") -> None:
    """Print the first difference, or that there is none."""
    if flaw is None:
        say("no difference")
    else:
        print_facts("the first difference", msgspec.structs.asdict(flaw))

"""`cashback reconcile`: the comparison of ledger, mint records and chain, for people and for programs."""

import asyncio
from typing import TYPE_CHECKING

import click
import msgspec

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.output import json_option, print_json, print_records, print_table, say
from cashback.kernel.config import load

if TYPE_CHECKING:
    from cashback.processes.reconcile import Report


@click.command()
@json_option
def reconcile(as_json: bool) -> int:  # noqa: FBT001  # click hands flags over by name
    """Compare ledger, mint records and chain at the last final block; exits with 3 on any difference.

    Example: cashback reconcile
    """
    from cashback.processes import reconcile as process

    report = asyncio.run(process.reconcile(load(process.Settings)))
    if as_json:
        print_json(report)
    else:
        show(report)
    return EXIT_DIFFERENCE if report.findings else 0


def show(report: "Report") -> None:
    """Print a report: both sides beside each other, then every difference with its remedy."""
    print_table(
        f"ledger and chain at final block {report.at_block} ({report.at_block_hash[:18]}…)",
        ("", "mints", "base units"),
        [
            ("minted, says the ledger", f"{report.minted:,}", f"{report.minted_amount:,}"),
            ("minted, say the contract's logs", f"{report.logs:,}", f"{report.logs_amount:,}"),
            ("total supply, says the contract", "", f"{report.total_supply:,}"),
            ("burned by holders", "", f"{report.burned:,}"),
            ("on the chain, not yet settled", f"{report.settling:,}", ""),
            ("under way", f"{report.in_flight:,}", f"{report.in_flight_amount:,}"),
            ("stuck, waiting for a person", f"{report.stuck:,}", ""),
            ("approved, waiting for a wallet or for their request", f"{report.waiting:,}", ""),
            ("declined", f"{report.declined:,}", ""),
        ],
    )
    if report.findings:
        records = [msgspec.structs.asdict(finding) for finding in report.findings]
        print_records(f"{len(records)} differences", records, as_json=False)
    else:
        say("no difference: every number, recipient, amount and the sum agree")

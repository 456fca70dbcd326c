"""`cashback reconcile`: the comparison of ledger, mint records and chain, for people and for programs."""

import asyncio
from typing import TYPE_CHECKING

import click
import msgspec

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.output import Progress, amounts, json_option, print_json, print_records, print_table, say
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

    settings = load(process.Settings)
    with Progress("comparing ledger, mint records and chain", None):
        report = asyncio.run(process.reconcile(settings))
    if as_json:
        print_json(document(report))
    else:
        show(report)
    return EXIT_DIFFERENCE if report.findings else 0


def document(report: "Report") -> dict[str, object]:
    """Return a report for JSON: amounts are decimal strings, so that no reader rounds them."""
    of_tokens = {"total_supply", "burned", "logs_amount", "minted_amount", "in_flight_amount"}
    facts = msgspec.structs.asdict(report)
    return {name: str(value) if name in of_tokens else value for name, value in facts.items()}


def show(report: "Report") -> None:
    """Print a report: both sides beside each other, then every difference with its remedy."""
    nothing = ("", "")
    print_table(
        f"ledger and chain at final block {report.at_block}, {report.at_block_hash}",
        ("", "mints", "base units", "tokens"),
        [
            ("minted, says the ledger", f"{report.minted:,}", *amounts(report.minted_amount)),
            ("minted, say the contract's logs", f"{report.logs:,}", *amounts(report.logs_amount)),
            ("total supply, says the contract", "", *amounts(report.total_supply)),
            ("burned by holders", "", *amounts(report.burned)),
            ("on the chain, not yet settled", f"{report.settling:,}", *nothing),
            ("under way", f"{report.in_flight:,}", *amounts(report.in_flight_amount)),
            ("stuck, waiting for a person", f"{report.stuck:,}", *nothing),
            ("approved, waiting for a wallet or for their request", f"{report.waiting:,}", *nothing),
            ("declined", f"{report.declined:,}", *nothing),
        ],
    )
    if report.findings:
        records = [msgspec.structs.asdict(finding) for finding in report.findings]
        print_records(f"{len(records)} differences", records, as_json=False)
    else:
        say("no difference: every number, recipient, amount and the sum agree")

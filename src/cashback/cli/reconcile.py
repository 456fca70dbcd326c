"""`cashback reconcile`: the comparison of ledger, mint records and chain, for people and for programs."""

import asyncio
from typing import TYPE_CHECKING

import click
import msgspec

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.output import Progress, amounts, json_option, print_json, print_records, print_table, say
from cashback.kernel.config import load
from cashback.kernel.instants import as_told

if TYPE_CHECKING:
    from cashback.processes.reconcile import ReconciliationStory, Report

LAST_MAX = 100


@click.command()
@click.option("--whole", "is_whole", is_flag=True, help="Compare everything, whatever earlier runs have compared.")
@click.option(
    "--by", "asked_by", type=click.Choice(["person", "worker"]), default="person", hidden=True, help="Who asks."
)
@click.option(
    "--last",
    "last",
    type=click.IntRange(1, LAST_MAX),
    is_flag=False,
    flag_value=10,
    metavar="[N]",
    help="Show the last N runs, 10 without a number, and compare nothing.",
)
@json_option
def reconcile(is_whole: bool, asked_by: str, last: int | None, as_json: bool) -> int:  # noqa: FBT001  # click hands flags over by name
    """Compare ledger, mint records and chain at the last final block; exits with 3 on any difference.

    It goes on from where the last run without a difference ended, while chain and records still bear that out; the
    books and the wallets are gone through by a whole run alone.

    Example: cashback reconcile --whole
    """
    from cashback.processes import reconcile as process

    settings = load(process.Settings)
    if last is not None:
        runs = asyncio.run(process.last_runs(settings, limit=last))
        if as_json:
            print_json(runs)
        else:
            # As many as there are, which may be fewer than were asked for.
            title = "the last run" if len(runs) == 1 else f"the last {len(runs)} runs"
            print_records(title if runs else "runs", _rows(runs), as_json=False)
        return 0
    with Progress("comparing ledger, mint records and chain", None) as bar:
        report = asyncio.run(process.reconcile(settings, is_whole=is_whole, asked_by=asked_by, reached=bar.reach_of))
    if as_json:
        print_json(document(report))
    else:
        show(report)
    return EXIT_DIFFERENCE if report.findings else 0


def document(report: "Report") -> dict[str, object]:
    """Return a report for JSON: amounts are decimal strings, so that no reader rounds them."""
    of_tokens = {"total_supply", "burned", "explained", "logs_amount", "minted_amount", "in_flight_amount"}
    facts = msgspec.structs.asdict(report)
    told = {name: str(value) if name in of_tokens else value for name, value in facts.items()}
    return {**told, "findings_count": report.findings_count}


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
            ("minted as requested", "", *amounts(report.explained)),
            ("unexplained", "", *amounts(report.unexplained)),
            ("on the chain, not yet settled", f"{report.settling:,}", *nothing),
            ("under way", f"{report.in_flight:,}", *amounts(report.in_flight_amount)),
            ("stuck, waiting for a person", f"{report.stuck:,}", *nothing),
            ("approved, waiting for a wallet or for their request", f"{report.waiting:,}", *nothing),
            ("declined", f"{report.declined:,}", *nothing),
        ],
    )
    say(f"{report.mode} run: {report.reason}")
    if report.findings:
        records = [msgspec.structs.asdict(finding) for finding in report.findings]
        print_records(f"{report.findings_count:,} differences", records, as_json=False)
        if report.findings_count > len(records):
            counted = ", ".join(f"{kind} {count:,}" for kind, count in report.kinds.items())
            say(f"{report.findings_count - len(records):,} more are not listed; in all: {counted}")
    else:
        say("no difference: every number, recipient, amount and the sum agree")


def _rows(runs: "list[ReconciliationStory]") -> list[dict[str, object]]:
    """Return runs as rows for people."""
    return [
        {
            "ended_at": as_told(run.ended_at),
            "took_s": f"{(run.ended_at - run.began_at).total_seconds():.1f}",
            "mode": run.mode,
            "asked_by": run.asked_by,
            "after_block": run.after_block,
            "at_block": run.at_block,
            "settled_to": run.settled_to,
            "logs": run.logs,
            "findings": run.findings_count,
            "kinds": ", ".join(f"{kind} {count}" for kind, count in run.kinds.items()),
            "reason": run.reason,
        }
        for run in runs
    ]

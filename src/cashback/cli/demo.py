"""`cashback demo`: real purchases through the whole system to the chain, and the proof."""

from typing import TYPE_CHECKING, Final

import click

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.ending import Ending
from cashback.cli.output import Progress, amounts, json_option, print_json, print_table, say
from cashback.kernel.clock import monotonic_s
from cashback.kernel.config import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cashback.processes.demo import Pushed, Sample
    from cashback.processes.reconcile import Report

SETTLED_WITHIN_S: Final = 240.0
PART: Final = 500
"""How many purchases the demo pushes unless it is asked for all."""


@click.command()
@click.option("--all", "all_of_it", is_flag=True, help=f"Push all 6,919 purchases instead of {PART}.")
@json_option
def demo(all_of_it: bool, as_json: bool) -> int:  # noqa: FBT001  # click hands flags over by name
    """Push real purchases through the whole system to the chain, and prove that ledger and chain agree.

    Everything is started for it, on this machine, and stopped at its end. Exits with 3 on a difference.

    Example: cashback demo --all
    """
    from cashback.cli.reconcile import document, show
    from cashback.processes.demo import read_sample

    begun_s = monotonic_s()
    with Ending.awaited() as ending:
        pushed, report = _push(ending, read_sample(None if all_of_it else PART), begun_s)
    agrees = not report.findings and (report.minted, report.minted_amount) == (pushed.granted, pushed.token_units)
    if as_json:
        print_json({"pushed": pushed, "report": document(report), "agrees": agrees})
    else:
        _show_answers(pushed)
        show(report)
    say(f"done after {monotonic_s() - begun_s:.1f} s: the chain holds {'' if agrees else 'NOT '}what was answered")
    return 0 if agrees else EXIT_DIFFERENCE


def _push(ending: Ending, sample: "Sequence[Sample]", begun_s: float) -> "tuple[Pushed, Report]":
    """Return what the API answered to the sample, and the comparison once all of it is final."""
    from cashback.cli.local import whole_system
    from cashback.processes.demo import push, settle
    from cashback.processes.reconcile import Settings

    users = len({purchase.user for purchase in sample})
    with whole_system(ending) as stack:
        say(f"everything is up after {monotonic_s() - begun_s:.1f} s")
        with Progress(f"posting {users:,} users and their {len(sample):,} purchases", users + len(sample)) as progress:
            pushed = ending.run(push(stack.url, stack.operator_key, sample, step=progress.advance))
        say(f"everything is answered after {monotonic_s() - begun_s:.1f} s")
        settings = load(Settings, stack.operator_settings())
        with Progress("waiting until every mint is in a final block", len(sample)) as progress:
            report = ending.run(settle(settings, len(sample), within_s=SETTLED_WITHIN_S, reached=progress.reach))
    return pushed, report


def _show_answers(pushed: "Pushed") -> None:
    """Print what the API answered to the purchases, by decision."""
    rows = [
        (
            reason,
            f"{sum_.purchases:,}",
            _dollars(sum_.spent_minor),
            _dollars(sum_.granted_minor),
            *amounts(sum_.token_units),
        )
        for reason, sum_ in sorted(pushed.decisions.items(), key=lambda decision: -decision[1].purchases)
    ]
    total = pushed.total
    rows.append(
        (
            "sum",
            f"{total.purchases:,}",
            _dollars(total.spent_minor),
            _dollars(total.granted_minor),
            *amounts(total.token_units),
        )
    )
    columns = ("decision", "purchases", "spent", "cashback", "base units", "tokens")
    print_table("what happened to every purchase", columns, rows)


def _dollars(cents: int) -> str:
    """Return cents as a person reads them."""
    return f"${cents // 100:,}.{cents % 100:02d}"

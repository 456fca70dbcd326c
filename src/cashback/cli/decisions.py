"""`cashback decisions`: stored decisions proved by deciding them anew."""

import asyncio

import click
import msgspec

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.ledger import instant
from cashback.cli.output import Progress, json_option, print_facts, print_json, print_records
from cashback.kernel.config import load


@click.group()
def decisions() -> None:
    """Prove stored decisions.

    Example: cashback decisions replay
    """


@decisions.command(short_help="Decide everything anew and compare.")
@click.option("--from", "since", help="RFC 3339: only what was decided from then on; everything when left out.")
@json_option
def replay(since: str | None, as_json: bool) -> int:  # noqa: FBT001  # click's way
    """Decide every stored decision anew from its stored inputs; exits with 3 when one is not the same byte for byte.

    Example: cashback decisions replay --from 2026-11-01T00:00:00Z
    """
    from cashback.processes import decisions as process

    settings = load(process.Settings)
    moment = None if since is None else instant(since, "--from")
    with Progress("deciding anew", None) as progress:
        found = asyncio.run(process.replay(settings, since=moment, reached=progress.advance))
    if as_json:
        print_json(found)
    else:
        print_facts("replayed", {"decisions": f"{found.decisions:,}", "different": f"{found.different:,}"})
        if found.differences:
            rows = [msgspec.structs.asdict(each) for each in found.differences]
            print_records("differences", rows, as_json=False)
    return EXIT_DIFFERENCE if found.different else 0

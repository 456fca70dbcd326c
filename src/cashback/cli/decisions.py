"""`cashback decisions`: stored decisions proved by deciding them anew."""

import asyncio

import click
import msgspec

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.instants import instant
from cashback.cli.output import Progress, json_option, print_facts, print_json, print_records
from cashback.kernel.config import load


@click.group()
def decisions() -> None:
    """Prove stored decisions.

    Example: cashback decisions replay
    """


@decisions.command(short_help="Decide everything anew and compare.")
@click.argument("cashback_id", required=False)
@click.option("--from", "since", help="RFC 3339: only what was decided from then on; everything when left out.")
@json_option
def replay(cashback_id: str | None, since: str | None, as_json: bool) -> int:  # noqa: FBT001  # click's way
    """Decide every stored decision anew from its stored inputs; exits with 3 when one is not the same byte for byte.

    With an id only the decisions of this cashback.

    Example: cashback decisions replay --from 2026-11-01T00:00:00Z
    """
    from cashback.processes import decisions as process

    if cashback_id is not None and since is not None:
        raise click.UsageError("name a cashback, or --from")
    moment = None if since is None else instant(since, "--from")
    settings = load(process.Settings)
    with Progress("deciding anew", None) as progress:
        if cashback_id is not None:
            found = asyncio.run(process.replay_one(settings, cashback_id))
        else:
            found = asyncio.run(process.replay(settings, since=moment, reached=progress.advance))
    if as_json:
        print_json(found)
    else:
        print_facts("replayed", {"decisions": f"{found.decisions:,}", "different": f"{found.different:,}"})
        if found.differences:
            rows = [msgspec.structs.asdict(each) for each in found.differences]
            print_records("differences", rows, as_json=False)
    return EXIT_DIFFERENCE if found.different else 0

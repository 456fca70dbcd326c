"""`cashback ruleset backtest`: rules tried on what was bought."""

import asyncio
from pathlib import Path

import click
import msgspec

from cashback.cli.instants import instant
from cashback.cli.output import Progress, json_option, print_facts, print_json, print_records
from cashback.cli.ruleset_files import is_file, rules_of_file
from cashback.kernel.config import load


@click.command(short_help="Try rules on what was bought.")
@click.argument("name")
@click.option("--programme", "programme_id", help="Whose purchases; needed with a file, and only then.")
@click.option("--from", "since", help="RFC 3339 with an offset: only what was recorded from then on.")
@click.option("--until", help="RFC 3339 with an offset: only what was recorded before.")
@click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True, help="Changes to tell, 1 to 100.")
@click.option("--workers", type=click.IntRange(1, 16), help="Processes that help; one for each core when left out.")
@json_option
def backtest(  # click hands options over by name
    name: str,
    programme_id: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    workers: int | None,
    as_json: bool,  # noqa: FBT001  # as above
) -> None:
    """Decide recorded purchases by a file, a draft or a version; nothing is stored.

    Example: cashback ruleset backtest drf_01k9z3v6q8e2r9xw5t4c7m1n0p --from 2026-11-01T00:00:00Z
    """
    from cashback.ledger import Backtest
    from cashback.processes import backtesting as process

    if is_file(name) != (programme_id is not None):
        raise click.UsageError("name --programme with a file, and only then")
    asked = Backtest(
        ruleset=name,
        programme_id=programme_id,
        document=rules_of_file(Path(name)) if is_file(name) else None,
        since=None if since is None else instant(since, "--from"),
        until=None if until is None else instant(until, "--until"),
        largest=limit,
    )
    with Progress("deciding what was bought", None, is_long=True) as progress:
        story = asyncio.run(process.backtest(load(process.Settings), asked, workers=workers, reached=progress.reach_of))
    if as_json:
        print_json(story)
        return
    parts = msgspec.to_builtins(story)
    sides = {side: parts.pop(f"by_{side}") for side in ("purchase", "user", "merchant")}
    tables = {title: parts.pop(title) for title in [key for key, part in parts.items() if isinstance(part, list)]}
    print_facts("backtest", parts)
    print_records("who", [{"who": f"{side}s", **counts} for side, counts in sides.items()], as_json=False)
    for title, records in tables.items():
        print_records(title.replace("_", " "), records, as_json=False)

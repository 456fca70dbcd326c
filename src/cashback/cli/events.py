"""`cashback replay`: stored events once more."""

from datetime import datetime
from typing import TYPE_CHECKING

import click
import msgspec

from cashback.cli.broker import with_bus
from cashback.cli.output import Progress, json_option, print_json, say
from cashback.kernel.config import Dsn, load
from cashback.kernel.instants import WANTED, is_in_range
from cashback.kernel.money import INT63_MAX

if TYPE_CHECKING:
    from cashback.kernel.bus import Bus


class CashbackOutboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the outboxes of purchases and ledger are; a reading role is enough."""

    ledger_audit_dsn: Dsn


class MintingOutboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the outbox of minting is; a reading role is enough."""

    minting_audit_dsn: Dsn


def _known(_: click.Context, __: click.Parameter, types: tuple[str, ...]) -> tuple[str, ...]:
    """Return the types when somebody here publishes each: that of a misspelt one there are none says little."""
    from cashback.events import ledger, minting, purchases

    published = [one for module in (ledger, minting, purchases) for one in vars(module).values()]
    known = sorted({one.TYPE for one in published if hasattr(one, "TYPE")})
    if unknown := [one for one in types if one not in known]:
        raise click.BadParameter(f"{unknown[0]} is none of {', '.join(known)}")
    return types


@click.command()
@click.option("--from", "start", help="A sequence of the stream, or an RFC 3339 time; its beginning when left out.")
@click.option("--from-outbox", type=click.Choice(["purchases", "ledger", "minting"]), help="Read this outbox instead.")
@click.option("--type", "types", multiple=True, callback=_known, help="Only events of this type; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Count only.")
@json_option
def replay(start: str | None, from_outbox: str | None, types: tuple[str, ...], dry_run: bool, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Deliver stored events again, from the stream or, after the broker was wiped, from an outbox.

    Consumers know each event by its id and apply it once, so replaying everything changes nothing.

    Example: cashback replay --from 2026-11-22T00:00:00Z --type token.minted --dry-run
    """
    place = _place(start)
    if from_outbox is not None and isinstance(place, int):
        raise click.UsageError("an outbox is read from a time, not from a sequence")
    with Progress("counting events" if dry_run else "replaying events", None) as progress:
        if from_outbox is None or isinstance(place, int):
            count = _replay_stream(place or 1, types, dry_run=dry_run, progress=progress)
        else:
            count = _replay_outbox(from_outbox, place, types, dry_run=dry_run, progress=progress)
    if as_json:
        print_json({"events": count, "dry_run": dry_run})
    else:
        say(f"{count:,} events {'would be' if dry_run else 'were'} published again")


def _replay_stream(start: int | datetime, types: tuple[str, ...], *, dry_run: bool, progress: Progress) -> int:
    """Replay from the stream and return how many events that is."""
    from cashback.kernel.bus.replay import replay as run

    done = with_bus(lambda bus: run(bus, start=start, types=types, dry_run=dry_run, progress=progress.reach_of))
    return done.events


def _replay_outbox(
    schema: str, since: datetime | None, types: tuple[str, ...], *, dry_run: bool, progress: Progress
) -> int:
    """Replay from an outbox and return how many events that is."""
    from cashback.kernel.db import Database
    from cashback.kernel.outbox.replay import replay_outbox

    if schema == "minting":
        dsn = load(MintingOutboxSettings).minting_audit_dsn.value
    else:
        dsn = load(CashbackOutboxSettings).ledger_audit_dsn.value

    async def run(bus: "Bus") -> int:
        async with Database.open(dsn, name="cashback replay", connections_max=1) as database:
            return await replay_outbox(
                database, bus, schema=schema, since=since, types=types, dry_run=dry_run, progress=progress.reach_of
            )

    return with_bus(run)


def _place(text: str | None) -> int | datetime | None:
    """Return a sequence or an instant."""
    if text is None:
        return None
    if text.isascii() and text.isdigit() and int(text) <= INT63_MAX:
        return int(text)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as cause:
        raise click.BadParameter("neither a sequence nor an RFC 3339 time", param_hint="--from") from cause
    if instant.tzinfo is None:
        raise click.BadParameter("say the time zone, for example by ending in Z", param_hint="--from")
    if not is_in_range(instant):
        raise click.BadParameter(WANTED, param_hint="--from")
    return instant

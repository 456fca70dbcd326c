"""`cashback dlq` and `cashback replay`: events that were given up, and events once more."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeVar

import click
import msgspec

from cashback.cli.output import Progress, json_option, print_facts, print_json, print_records, say
from cashback.kernel.config import Dsn, load
from cashback.kernel.instants import WANTED, is_in_range
from cashback.kernel.money import INT63_MAX

if TYPE_CHECKING:
    from cashback.kernel.bus import Bus

T = TypeVar("T")
_CONNECTED_WITHIN_S: Final = 3.0
_SEQUENCES: Final = click.IntRange(0, INT63_MAX)


class CashbackOutboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the outboxes of purchases and ledger are; a reading role is enough."""

    ledger_audit_dsn: Dsn


class MintingOutboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the outbox of minting is; a reading role is enough."""

    minting_audit_dsn: Dsn


@click.group()
def dlq() -> None:
    """List, show and replay dead letters: events that a consumer gave up on, with the reason.

    Example: cashback dlq list
    """


@dlq.command("list")
@click.option("--after", default=0, show_default=True, type=_SEQUENCES, help="Only sequences above this one.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200))
@json_option
def list_letters(after: int, limit: int, as_json: bool) -> None:  # noqa: FBT001  # click hands flags over by name
    """List dead letters, oldest first.

    Example: cashback dlq list --json
    """
    from cashback.kernel.bus import dead_letters

    letters = _with_bus(lambda bus: dead_letters.page(bus, limit=limit, after=after))
    rows = [
        {
            "sequence": letter.sequence,
            "given_up_at": letter.given_up_at.isoformat(timespec="seconds"),
            "type": letter.type,
            "consumer": letter.consumer,
            "attempts": letter.attempts,
            "reason": letter.reason,
            "event_id": letter.event_id,
        }
        for letter in letters
    ]
    print_records("dead letters", rows, as_json=as_json)
    if not as_json and len(rows) == limit:
        say(f"there may be more: cashback dlq list --after {rows[-1]['sequence']}")


@dlq.command()
@click.argument("sequence", type=_SEQUENCES)
@json_option
def show(sequence: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show one dead letter with its headers and data.

    Example: cashback dlq show 7
    """
    from cashback.kernel.bus import dead_letters

    letter = _with_bus(lambda bus: dead_letters.show(bus, sequence))
    facts = msgspec.structs.asdict(letter) | {"data": letter.data.decode(errors="replace")}
    if as_json:
        print_json(facts)
        return
    headers = facts.pop("headers")
    print_facts(f"dead letter {sequence}", facts)
    print_facts("headers", headers)


@dlq.command("replay", short_help="Publish the events of dead letters again.")
@click.argument("sequences", type=_SEQUENCES, nargs=-1, required=True)
@json_option
def replay_letters(sequences: tuple[int, ...], as_json: bool) -> None:  # noqa: FBT001  # as above
    """Publish the events of dead letters again; a consumer that applied one already skips it.

    Example: cashback dlq replay 7 8 9
    """
    from cashback.kernel.bus import dead_letters

    published = _with_bus(lambda bus: dead_letters.replay(bus, sequences))
    if as_json:
        print_json({"published": published})
        return
    for event_id in published:
        say(f"published {event_id} again")


def _known(_: click.Context, __: click.Parameter, types: tuple[str, ...]) -> tuple[str, ...]:
    """Return the types when somebody here publishes each: that of a misspelt one there are none says little."""
    from cashback.events import KINDS

    known = sorted(kind.TYPE for kind in KINDS)
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

    done = _with_bus(lambda bus: run(bus, start=start, types=types, dry_run=dry_run, progress=progress.reach_of))
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

    return _with_bus(run)


def _with_bus(act: "Callable[[Bus], Awaitable[T]]") -> T:
    """Run `act` on a connection to the broker and return what it returns."""
    from cashback.processes.broker import BrokerSettings, broker_of

    settings = load(BrokerSettings)

    async def run() -> T:
        async with broker_of(settings, "cashback operator") as bus:
            await bus.wait_connected(at_most_s=_CONNECTED_WITHIN_S)
            return await act(bus)

    return asyncio.run(run())


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

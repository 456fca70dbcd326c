"""`cashback replay`: stored events once more."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import click
import msgspec

from cashback.cli.broker import with_bus
from cashback.cli.output import Progress, json_option, print_json, print_records, say
from cashback.kernel.config import Dsn, load
from cashback.kernel.instants import WANTED, is_in_range
from cashback.kernel.money import INT63_MAX

if TYPE_CHECKING:
    from cashback.kernel.bus import Bus

ALL: Final = "all"
OUTBOXES: Final = ("purchases", "ledger", "minting")


class CashbackOutboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the outboxes of purchases and ledger are; a reading role is enough."""

    ledger_audit_dsn: Dsn


class MintingOutboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the outbox of minting is; a reading role is enough."""

    minting_audit_dsn: Dsn


def _known(_: click.Context, __: click.Parameter, types: tuple[str, ...]) -> tuple[str, ...]:
    """Return the types when somebody here publishes each: that of a misspelt one there are none says little."""
    from cashback.events import KINDS

    known = sorted(kind.TYPE for kind in KINDS)
    if unknown := [one for one in types if one not in known]:
        raise click.BadParameter(f"{unknown[0]} is none of {', '.join(known)}")
    return types


@click.command()
@click.option("--from", "start", help="A sequence of the stream, or an RFC 3339 time; its beginning when left out.")
@click.option(
    "--from-outbox",
    type=click.Choice([ALL, *OUTBOXES]),
    is_flag=False,
    flag_value=ALL,
    help="Read this outbox instead, or all three when none is named.",
)
@click.option("--type", "types", multiple=True, callback=_known, help="Only events of this type; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Count only.")
@click.option("--force", is_flag=True, help="Also when it leaves the stream little room for new events.")
@json_option
def replay(
    start: str | None,
    from_outbox: str | None,
    types: tuple[str, ...],
    dry_run: bool,  # noqa: FBT001  # click hands flags over by name
    force: bool,  # noqa: FBT001  # as above
    as_json: bool,  # noqa: FBT001  # as above
) -> None:
    """Deliver stored events again, from the stream or, after the broker was wiped, from the outboxes.

    They are counted first. Consumers know each event by its id and apply it once, so replaying everything changes
    nothing. But each is stored once more: what would leave less than a fifth of the stream's room is refused.

    Example: cashback replay --from 2026-11-22T00:00:00Z --type token.minted --dry-run
    """
    place = _place(start)
    if from_outbox is not None and isinstance(place, int):
        raise click.UsageError("an outbox is read from a time, not from a sequence")
    if from_outbox is None or isinstance(place, int):
        told = _replay_stream(place or 1, types, dry_run=dry_run, force=force, as_json=as_json)
    else:
        schemas = OUTBOXES if from_outbox == ALL else (from_outbox,)
        told = _replay_outboxes(schemas, place, types, dry_run=dry_run, force=force, as_json=as_json)
    if as_json:
        print_json(told | {"dry_run": dry_run})
    elif not dry_run:
        say(f"{told['events']:,} events were published again")


def _replay_stream(
    start: int | datetime, types: tuple[str, ...], *, dry_run: bool, force: bool, as_json: bool
) -> dict[str, Any]:
    """Replay from the stream, what it is counted first, and return what it came to."""
    from cashback.kernel.bus import replay as stream

    async def run(bus: "Bus") -> dict[str, Any]:
        """Count, tell, and publish."""
        with Progress("counting events", None) as counting:
            found = await stream.count(bus, start=start, types=types, progress=counting.reach_of)
        if found.first_sequence > found.last_sequence:
            say(f"nothing is stored from there on: the stream ends at sequence {found.last_sequence}")
        elif isinstance(start, int) and 1 < start < found.first_sequence:
            say(f"what stood before sequence {found.first_sequence} has aged out")
        _tell(found.types, dry_run=dry_run, as_json=as_json)
        await _expect_room(bus, found.bytes, dry_run=dry_run, force=force)
        if not dry_run and found.events:
            with _Publishing(found.events) as publishing:
                found = await stream.publish_again(bus, found, types=types, progress=publishing.reach)
        facts = {"first_sequence": found.first_sequence, "last_sequence": found.last_sequence}
        return {"events": found.events, "types": found.types} | facts

    return with_bus(run)


def _replay_outboxes(
    schemas: Sequence[str], since: datetime | None, types: tuple[str, ...], *, dry_run: bool, force: bool, as_json: bool
) -> dict[str, Any]:
    """Replay from outboxes, what they hold of it is counted first, and return what it came to."""
    from cashback.kernel.bus.replay import EVENT_BYTES
    from cashback.kernel.db import Database
    from cashback.kernel.outbox.replay import count_outbox, replay_outbox

    # All of them before the first is asked: half a replay for want of a setting helps nobody.
    dsns = {schema: _dsn(schema) for schema in schemas}

    async def run(bus: "Bus") -> dict[str, Any]:
        """Count, tell, and publish one outbox after the other."""
        async with AsyncExitStack() as opened:
            databases = {
                schema: await opened.enter_async_context(Database.open(dsn, name="cashback replay", connections_max=1))
                for schema, dsn in dsns.items()
            }
            say("counting events")
            counts = {
                schema: await count_outbox(database, schema=schema, since=since, types=types)
                for schema, database in databases.items()
            }
            found: Counter[str] = Counter()
            for of_one in counts.values():
                found.update(of_one)
            _tell(found, dry_run=dry_run, as_json=as_json)
            await _expect_room(bus, found.total() * EVENT_BYTES, dry_run=dry_run, force=force)
            events = found.total()
            if not dry_run and events:
                events = 0
                with _Publishing(found.total()) as publishing:
                    for schema, database in databases.items():
                        events += await replay_outbox(
                            database,
                            bus,
                            schema=schema,
                            since=since,
                            types=types,
                            progress=publishing.reach,
                            counted=sum(counts[schema].values()),
                        )
                        publishing.turn(events)
        return {"events": events, "types": dict(sorted(found.items()))}

    return with_bus(run)


async def _expect_room(bus: "Bus", bytes_: int, *, dry_run: bool, force: bool) -> None:
    """Return when so many bytes more may be stored: there is room, or a person insists; a dry run says what is wrong.

    Raises:
        ReplayTooLarge: there is too little room.
    """
    from cashback.kernel.bus.errors import ReplayTooLarge
    from cashback.kernel.bus.replay import expect_room

    try:
        await expect_room(bus, bytes_)
    except ReplayTooLarge as cause:
        if not (dry_run or force):
            raise
        say(cause.detail)


def _dsn(schema: str) -> str:
    """Return where an outbox is."""
    if schema == "minting":
        return load(MintingOutboxSettings).minting_audit_dsn.value
    return load(CashbackOutboxSettings).ledger_audit_dsn.value


def _tell(types: Mapping[str, int], *, dry_run: bool, as_json: bool) -> None:
    """Say how many events there are to publish, and of which types, before any is."""
    if types and not as_json:
        print_records("events", [{"type": name, "events": f"{types[name]:,}"} for name in sorted(types)], as_json=False)
    would = "would" if dry_run else "will"
    say(f"{sum(types.values()):,} events of {len(types)} types {would} be published again")


class _Publishing:
    """A progress bar of published events that says, when it is cut short, how far it came and what to do."""

    def __init__(self, total: int) -> None:
        """Promise so many."""
        self._bar = Progress("replaying events", total)
        self._total = total
        self._before = 0
        self._done = 0

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def reach(self, done: int, _: int) -> None:
        """Note that so many of the present source are published."""
        self._done = self._before + done
        self._bar.reach_of(self._done, max(self._total, self._done))

    def turn(self, done: int) -> None:
        """Note that a source has ended, with so many published in all."""
        self._before = self._done = done

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)
        if error is not None:
            say(
                f"cut short: {self._done:,} of {self._total:,} events were published again; repeat the command: it"
                " begins anew, and what was applied is skipped"
            )


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

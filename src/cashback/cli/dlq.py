"""`cashback dlq`: events that a consumer gave up on, and what becomes of them."""

from typing import TYPE_CHECKING, Final

import click
import msgspec

from cashback.cli.broker import with_bus
from cashback.cli.chain import by_option
from cashback.cli.output import json_option, print_facts, print_json, print_records, say
from cashback.kernel.money import INT63_MAX

if TYPE_CHECKING:
    from cashback.kernel.bus import Bus
    from cashback.kernel.bus.dead_letters import DeadLetter
    from cashback.kernel.bus.verdicts import Verdict, Word

SEQUENCES: Final = click.IntRange(0, INT63_MAX)


@click.group()
def dlq() -> None:
    """List, show, replay and discard dead letters: events that a consumer gave up on, with the reason.

    Example: cashback dlq list
    """


@dlq.command("list", short_help="List those nobody replayed or discarded.")
@click.option("--after", default=0, show_default=True, type=SEQUENCES, help="Only sequences above this one.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200))
@click.option("--all", "everything", is_flag=True, help="Also those that were replayed or discarded.")
@json_option
def list_letters(after: int, limit: int, everything: bool, as_json: bool) -> None:  # noqa: FBT001  # click hands flags over by name
    """List the dead letters that nobody has replayed or discarded, oldest first.

    One whose event fails again after its replay is a new letter.

    Example: cashback dlq list --json
    """
    letters, settled = with_bus(lambda bus: _look(bus, after=after, limit=limit, everything=everything))
    rows = [
        {
            "sequence": letter.sequence,
            "given_up_at": letter.given_up_at.isoformat(timespec="seconds"),
            "type": letter.type,
            "consumer": letter.consumer,
            "attempts": letter.attempts,
            "reason": letter.reason,
            "event_id": letter.event_id,
            "verdict": settled.get(letter.sequence),
        }
        for letter in letters
    ]
    print_records("dead letters", rows, as_json=as_json)
    if not as_json and len(rows) == limit:
        say(f"there may be more: cashback dlq list --after {rows[-1]['sequence']}{' --all' if everything else ''}")


async def _look(bus: "Bus", *, after: int, limit: int, everything: bool) -> "tuple[list[DeadLetter], dict[int, Word]]":
    """Return a page of letters, and which there is a verdict on."""
    from cashback.kernel.bus import dead_letters, verdicts

    settled = await verdicts.settled(bus)
    return await dead_letters.page(bus, limit=limit, after=after, without=() if everything else settled), settled


@dlq.command(short_help="Show one, each failure and what became of it.")
@click.argument("sequence", type=SEQUENCES)
@json_option
def show(sequence: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show one dead letter: its headers, data, each failure, the letters it was before, and the verdicts on it.

    Example: cashback dlq show 7
    """
    letter, verdicts = with_bus(lambda bus: _read(bus, sequence))
    facts = msgspec.structs.asdict(letter) | {"data": letter.data.decode(errors="replace")}
    if as_json:
        print_json(facts | {"verdicts": verdicts})
        return
    headers, history = facts.pop("headers"), facts.pop("history")
    facts["died_before"] = ", ".join(map(str, letter.died_before))
    print_facts(f"dead letter {sequence}", {name: value for name, value in facts.items() if value != ""})
    print_facts("headers", {name: value for name, value in headers.items() if not (history and name == "dlq-history")})
    for title, records in (("failures", history), ("verdicts", verdicts)):
        if records:
            click.echo()
            print_records(title, [msgspec.to_builtins(one) for one in records], as_json=False)


async def _read(bus: "Bus", sequence: int) -> "tuple[DeadLetter, list[Verdict]]":
    """Return a letter, and the verdicts on it."""
    from cashback.kernel.bus import dead_letters, verdicts

    return await dead_letters.show(bus, sequence), await verdicts.on(bus, sequence)


@dlq.command("replay", short_help="Publish the events of dead letters again.")
@click.argument("sequences", type=SEQUENCES, nargs=-1, required=True)
@by_option
@json_option
def replay_letters(sequences: tuple[int, ...], by: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Publish the events of dead letters again; a consumer that applied one already skips it.

    One whose headers say anything else than its own subject is refused: it was not stored by a consumer that gave up.

    Example: cashback dlq replay 7 8 9
    """
    from cashback.kernel.bus import dead_letters
    from cashback.processes.durables import DURABLES

    published = with_bus(lambda bus: dead_letters.replay(bus, sequences, by=by, durables=DURABLES))
    if as_json:
        print_json({"published": published})
        return
    for event_id in published:
        say(f"published {event_id} again")


@dlq.command(short_help="Note that dead letters need nothing more, and why.")
@click.argument("sequences", type=SEQUENCES, nargs=-1, required=True)
@click.option("--reason", required=True, help="Why nobody will replay them; it is kept.")
@by_option
@json_option
def discard(sequences: tuple[int, ...], reason: str, by: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Note that dead letters need nothing more: they are listed no more, and shown with who said so, when and why.

    Nothing is deleted: a letter can still be shown and replayed until it is thirty days old.

    Example: cashback dlq discard 7 8 --reason "published by hand in a rehearsal"
    """
    from cashback.kernel.bus import dead_letters

    discarded = with_bus(lambda bus: dead_letters.discard(bus, sequences, by=by, reason=reason))
    if as_json:
        print_json({"discarded": discarded})
        return
    for event_id in discarded:
        say(f"discarded {event_id}")

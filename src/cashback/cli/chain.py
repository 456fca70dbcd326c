"""`cashback chain status | halt | resume | recover | rotate`: how the chain side stands, its switches and signers."""

import asyncio
import os
import pwd
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import msgspec

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.output import json_option, print_json, print_records, say
from cashback.kernel.config import load

if TYPE_CHECKING:
    from cashback.ledger import Accounted
    from cashback.processes.halting import Turned


def _login() -> str:
    """Return the name under which this process runs, or its number where nobody has named it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


by_option = click.option("--by", default=_login, help="Who you are; your name on this machine when left out.")


@click.group()
def chain() -> None:
    """Show how the chain side stands; stop minting and let it go on.

    Example: cashback chain status
    """


@chain.command(short_help="Show lanes, nonces, fees, endpoints, supply and limits.")
@json_option
def status(as_json: bool) -> int:  # noqa: FBT001  # click's way
    """Show lanes, nonces, fees, endpoints, supply and limits; exits with 3 when something needs a person.

    Example: cashback chain status
    """
    from cashback.cli import standing
    from cashback.processes import chain_status as process

    found = asyncio.run(process.standing(load(process.Settings)))
    if as_json:
        print_json(standing.document(found))
    else:
        standing.show(found)
    return EXIT_DIFFERENCE if found.worries else 0


@chain.command(short_help="Halt minting; what was sent is followed to its end.")
@click.option("--reason", required=True, help="Why; it is kept, and told to whoever lifts the halt.")
@by_option
@json_option
def halt(reason: str, by: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Halt minting: nothing more is handed over, signed or sent; what was sent is followed to its end.

    Halting what is halted adds this reason to those that are known.

    Example: cashback chain halt --by alice --reason "the supply does not add up"
    """
    from cashback.processes import halting as process

    halts = asyncio.run(process.halt(load(process.Settings), by=by, reason=reason))
    _show(halts, "minting is halted", as_json=as_json)
    if not as_json:
        say("nothing is minted until `cashback chain resume --reason WHY` lifts every halt")


@chain.command()
@click.option("--reason", required=True, help="Why it is safe now; it is kept.")
@by_option
@json_option
def resume(reason: str, by: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Lift every halt and tell what it was; refused when there is none.

    Example: cashback chain resume --by alice --reason "the key was rotated, reconcile finds no difference"
    """
    from cashback.processes import halting as process

    halts = asyncio.run(process.resume(load(process.Settings), by=by, reason=reason))
    _show(halts, "lifted", as_json=as_json)
    if not as_json:
        say("minting goes on; if a cause is still there it halts again: look at `cashback doctor`")


@chain.command(short_help="Bring the adapter's records in line with the chain.")
@click.option("--reason", required=True, help="Why; it is kept.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Only tell what would be changed.")
@by_option
@json_option
def recover(reason: str, is_dry_run: bool, by: str, as_json: bool) -> int:  # noqa: FBT001  # click's way
    """Bring the records in line with the chain while minting is halted, and list what that changes.

    Where final blocks were replaced, their mints are booked back to requested, for the ledger too, and will be minted
    again. Where none were, nonces are adopted that a restored database does not know, and minting submits again what it
    waits for. Then the ledger accounts for numbers that it has forgotten, and gives out higher ones; exits with 3 when
    one is left for a person to decide. The halt stays: read the list, then `cashback chain resume`.

    Example: cashback chain recover --dry-run --reason "the provider replaced final blocks"
    """
    from cashback.cli import recovered
    from cashback.processes import recovering as process

    numbers: list[Accounted] = []

    def tell(one: "Accounted") -> None:
        """Keep the first numbers for the list."""
        if len(numbers) < recovered.NUMBERS_LISTED_MAX:
            numbers.append(one)

    settings = load(process.Settings)
    found = asyncio.run(process.recover(settings, by=by, reason=reason, is_dry_run=is_dry_run, tell=tell))
    if as_json:
        print_json(recovered.document(found, numbers, is_dry_run=is_dry_run))
    else:
        recovered.show(found, numbers, is_dry_run=is_dry_run)
    return EXIT_DIFFERENCE if found.ledger.listed else 0


@chain.command(short_help="Let a signer finish what it has; others take over.")
@click.argument("signer")
@click.option("--reason", required=True, help="Why; it is kept.")
@click.option("--undo", is_flag=True, help="Let the signer take mints again.")
@by_option
@json_option
def rotate(signer: str, reason: str, undo: bool, by: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Let a signer finish what it has and take nothing new, while the others go on.

    Name its successor in the adapter's settings first. Once `cashback chain status` calls the signer drained, its key
    is not needed any more.

    Example: cashback chain rotate 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --reason "yearly rotation"
    """
    from cashback.processes import rotating as process

    settings = load(process.Settings)
    is_news = asyncio.run(process.set_lane(settings, signer, is_draining=not undo, by=by, reason=reason))
    if as_json:
        print_json({"signer": signer, "is_draining": not undo, "is_news": is_news})
        return
    state = "takes mints again" if undo else "finishes what it has and takes nothing new"
    say(f"{signer} {state}" if is_news else f"{signer} was told so before; it {state}")


def _show(halts: Sequence["Turned"], title: str, *, as_json: bool) -> None:
    """Print halts, one a line."""
    if as_json:
        print_json(halts)
    else:
        print_records(title, [msgspec.structs.asdict(one) for one in halts], as_json=False)

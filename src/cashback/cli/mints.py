"""`cashback mint list | show | cancel | retry`: what became of each mint, and what a person does about one."""

import asyncio
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click
import msgspec

from cashback.cli.chain import by_option
from cashback.cli.output import gwei, json_option, print_facts, print_json, print_records, say, tokens
from cashback.kernel.addresses import address_text
from cashback.kernel.config import Dsn, load
from cashback.kernel.money import INT63_MAX

if TYPE_CHECKING:
    from cashback.chain.model import AttemptView, CancellationView, MintView
    from cashback.minting import Mint

_CASHBACK: Final = re.compile("cb_[0-9a-z]{1,61}")
_CANCELLED: Final = {
    "ordered": "mint {number} is cancelled: no further call carries it, and a lane retires its number on the chain",
    "retiring": "mint {number} is cancelled: a transaction that retires its number is under way, until it is final",
    "retired": (
        "number {number} is retired for good: `cashback mint retry {number}` gives its cashback another one, once"
    ),
}
_RETRIED: Final = {
    "given_back": "{cashback} is approved again: the ledger requests it under another number within seconds",
    "requested_again": "mint {number} is requested again under its number",
    "released": "mint {number} is held no more: the next call carries it",
    "hastened": "mint {number} is handed to the adapter now; it was under way",
}


_STATES: Final = {
    "requested": ("requested", None),
    "accepted": ("accepted", None),
    "minted": ("minted", None),
    "stuck": ("stuck", False),
    "retired": ("stuck", True),
}
"""What a person may ask for, as minting's state, and whether its number is retired."""


class MintSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where minting's records are; a reading role is enough."""

    minting_audit_dsn: Dsn


@click.group()
def mint() -> None:
    """List mints and their state, show one, cancel it or try it again.

    Example: cashback mint list --state minted
    """


@mint.command("list")
@click.option("--state", type=click.Choice([*_STATES]), help="Only these.")
@click.option(
    "--after", default=0, show_default=True, type=click.IntRange(0, INT63_MAX), help="Only numbers above this one."
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1_000))
@json_option
def list_mints(state: str | None, after: int, limit: int, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """List mints by number.

    Example: cashback mint list --state stuck --json
    """
    mints = asyncio.run(_list(state, after, limit))
    if not as_json:
        for each in mints:
            each["tokens"] = tokens(int(str(each.pop("token_units"))))
    print_records("mints", mints, as_json=as_json)
    if not as_json and len(mints) == limit:
        state_option = f" --state {state}" if state else ""
        say(f"there may be more: cashback mint list{state_option} --after {mints[-1]['number']}")


async def _list(state: str | None, after: int, limit: int) -> list[dict[str, object]]:
    """Return mints as records."""
    from cashback.kernel.db import Database
    from cashback.minting import Readings
    from cashback.minting.model import MintState

    settings = load(MintSettings)
    asked, is_retired = (None, None) if state is None else _STATES[state]
    async with Database.open(settings.minting_audit_dsn.value, name="cashback mint", connections_max=1) as database:
        page = await Readings(database).page(
            after=after, limit=limit, state=None if asked is None else MintState(asked), is_retired=is_retired
        )
    return [
        {
            "number": str(mint.number),
            "cashback": mint.cashback_id,
            "recipient": address_text(mint.recipient),
            "token_units": str(mint.amount),
            "state": _state(mint),
            "transaction": "0x" + mint.inclusion.transaction_hash.hex() if mint.inclusion else None,
            "block": mint.inclusion.block_number if mint.inclusion else None,
            "reason": mint.reason,
        }
        for mint in page
    ]


@mint.command(short_help="Show one mint, and what was sent for it.")
@click.argument("name", metavar="NUMBER|cb_...")
@json_option
def show(name: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Show one mint as minting and the adapter know it, by its number or its cashback.

    The attempts are those at the nonce that carries it now: hash, prices, what nodes answered, and when.

    Example: cashback mint show 17 --json
    """
    from cashback.processes import mint_story as process

    _check(name)
    story = asyncio.run(process.story(load(process.Settings), name))
    minting = _as_minting_knows(story.minting)
    if story.now_under != story.minting.number:
        minting["now_under"] = str(story.now_under)
    adapter = None if story.adapter is None else _as_the_adapter_knows(story.adapter.mint)
    attempts = [] if story.adapter is None else [_attempt(one) for one in story.adapter.attempts]
    ordered = story.adapter.cancellation if story.adapter else None
    cancellation = None if ordered is None else _cancellation(ordered)
    if as_json:
        print_json({"minting": minting, "adapter": adapter, "cancellation": cancellation, "attempts": attempts})
        return
    print_facts("as minting knows it", minting | {"token_units": tokens(story.minting.amount)})
    # All attempts at one nonce have one signer: told once, the table fits a terminal.
    slot = {name: one.pop(name) for one in attempts for name in ("signer", "nonce")}
    print_facts("as the adapter knows it", (adapter or {"state": _unknown(story.minting)}) | slot)
    if cancellation is not None:
        print_facts("cancelled", cancellation)
    print_records("attempts", [_in_gwei(one) for one in attempts], as_json=False)


@mint.command(short_help="Cancel one mint: its number is retired on the chain.")
@click.argument("name", metavar="NUMBER|cb_...")
@click.option("--reason", required=True, help="Why; it is kept.")
@by_option
@json_option
def cancel(name: str, reason: str, by: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Cancel one mint: no further call carries it, and its number is retired on the chain, so that it is never minted.

    Run it again to see how far that is. Once the number is retired for good, `cashback mint retry` gives the cashback
    another one. A mint that was sent already may still be faster than its retirement; the chain decides.

    Example: cashback mint cancel 17 --reason "the user has lost the wallet"
    """
    from cashback.processes import cancelling as process

    _check(name)
    done = asyncio.run(process.cancel(load(process.Settings), name, by=by, reason=reason))
    if as_json:
        print_json(done)
    else:
        say(_CANCELLED[done.progress].format(number=done.number))


@mint.command(short_help="Try one mint again, as its state asks for.")
@click.argument("name", metavar="NUMBER|cb_...")
@click.option("--reason", required=True, help="Why; it is kept.")
@by_option
@json_option
def retry(name: str, reason: str, by: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Try one mint again: under another number if its own is retired, else under its own.

    One that is stuck is handed to the adapter again, one that the adapter holds is let go, one that is under way is
    handed over now. What is minted is refused.

    Example: cashback mint retry 17 --reason "the user has linked another wallet"
    """
    from cashback.processes import retrying as process

    _check(name)
    done = asyncio.run(process.retry(load(process.Settings), name, by=by, reason=reason))
    if as_json:
        print_json(done)
    elif done.is_news:
        say(_RETRIED[done.deed].format(number=done.number, cashback=done.cashback))
    else:
        say(f"{done.cashback} was given back before: number {done.number} is given up")


def _check(name: str) -> None:
    """Raise unless `name` can be that of a mint."""
    if not _CASHBACK.fullmatch(name) and not (name.isascii() and name.isdecimal() and int(name) <= INT63_MAX):
        raise click.BadParameter("name a mint by its number, or by its cashback: cb_...", param_hint="NUMBER|cb_...")


def _cancellation(ordered: "CancellationView") -> dict[str, object]:
    """Return who cancelled a mint, when and why, and how far that is."""
    from cashback.chain.rules.retiring import progress

    certificate = f" (certificate {ordered.by.certificate})" if ordered.by.certificate else ""
    return {
        "progress": progress(ordered.standing),
        "by": f"{ordered.by.name}{certificate}",
        "reason": ordered.because,
        "at": ordered.at,
        "transaction": "0x" + ordered.transaction_hash.hex() if ordered.transaction_hash else None,
    }


def _unknown(mint: "Mint") -> str:
    """Return why the adapter has no record of a mint."""
    if mint.submit_attempts == 0:
        return "unknown: it was not handed over yet"
    return "unknown: it was handed over, and not accepted"


def _state(mint: "Mint") -> str:
    """Return minting's state in the words of `_STATES`."""
    return "retired" if mint.is_retired else mint.state.value


def _as_minting_knows(mint: "Mint") -> dict[str, object]:
    """Return minting's record."""
    return {
        "number": str(mint.number),
        "cashback": mint.cashback_id,
        "recipient": address_text(mint.recipient),
        "token_units": str(mint.amount),
        "state": _state(mint),
        "reason": mint.reason,
        "submit_attempts": mint.submit_attempts,
        "requested_at": mint.requested_at,
        "submit_after": mint.submit_after,
        "accepted_at": mint.accepted_at,
        "decided_at": mint.decided_at,
        "transaction": "0x" + mint.inclusion.transaction_hash.hex() if mint.inclusion else None,
        "block": mint.inclusion.block_number if mint.inclusion else None,
        "traceparent": mint.traceparent,
    }


def _as_the_adapter_knows(mint: "MintView") -> dict[str, object]:
    """Return the adapter's record; what was not reached is None."""
    return {
        "state": mint.state,
        "reason": mint.reason or None,
        "transaction": "0x" + mint.transaction_hash.hex() if mint.transaction_hash else None,
        "block": mint.block_number or None,
        "block_hash": "0x" + mint.block_hash.hex() if mint.block_hash else None,
        "accepted_at": _instant(mint.accepted_at_ms),
        "submitted_at": _instant(mint.submitted_at_ms),
        "included_at": _instant(mint.included_at_ms),
        "final_at": _instant(mint.final_at_ms),
        "held_at": _instant(mint.held_at_ms),
    }


def _attempt(attempt: "AttemptView") -> dict[str, object]:
    """Return one attempt; prices are decimal strings, as amounts are."""
    return {
        "transaction": "0x" + attempt.hash.hex(),
        "signer": "0x" + attempt.signer.hex(),
        "nonce": attempt.nonce,
        "max_fee_wei": str(attempt.max_fee_wei),
        "tip_wei": str(attempt.tip_wei),
        "stored_at": attempt.stored_at,
        "sends": attempt.sends,
        "sent_at": attempt.sent_at,
        "answer": attempt.answer,
        "problem": attempt.answer_detail or None,
        "block": attempt.block_number,
    }


def _in_gwei(attempt: dict[str, object]) -> dict[str, object]:
    """Return an attempt with its prices as people speak of them."""
    prices = {name: gwei(int(str(attempt.pop(f"{name}_wei")))) for name in ("max_fee", "tip")}
    transaction = {"transaction": attempt.pop("transaction")}
    return transaction | prices | attempt


def _instant(milliseconds: int) -> datetime | None:
    """Return an instant; 0 stands for not reached."""
    return datetime.fromtimestamp(milliseconds / 1_000, UTC) if milliseconds else None

"""`cashback mint list`: what became of each mint."""

import asyncio

import click
import msgspec

from cashback.cli.output import json_option, print_records, tokens
from cashback.kernel.addresses import address_text
from cashback.kernel.config import Dsn, load


class MintSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where minting's records are; a reading role is enough."""

    minting_audit_dsn: Dsn


@click.group()
def mint() -> None:
    """List mints and their state.

    Example: cashback mint list --state minted
    """


@mint.command("list")
@click.option("--state", type=click.Choice(["requested", "accepted", "minted", "stuck"]), help="Only these.")
@click.option("--after", default=0, show_default=True, help="Only numbers above this one.")
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


async def _list(state: str | None, after: int, limit: int) -> list[dict[str, object]]:
    """Return mints as records."""
    from cashback.kernel.db import Database
    from cashback.minting import Readings
    from cashback.minting.model import MintState

    settings = load(MintSettings)
    async with Database.open(settings.minting_audit_dsn.value, name="cashback mint", connections_max=1) as database:
        page = await Readings(database).page(
            after=after, limit=limit, state=None if state is None else MintState(state)
        )
    return [
        {
            "number": str(mint.number),
            "cashback": mint.cashback_id,
            "recipient": address_text(mint.recipient),
            "token_units": str(mint.amount),
            "state": mint.state.value,
            "transaction": "0x" + mint.inclusion.transaction_hash.hex() if mint.inclusion else None,
            "block": mint.inclusion.block_number if mint.inclusion else None,
            "reason": mint.reason,
        }
        for mint in page
    ]

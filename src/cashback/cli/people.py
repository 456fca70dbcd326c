"""`cashback merchant set` and `cashback user tier`: what rules ask about people."""

import click

from cashback.cli.api import api, idempotency_option, part
from cashback.cli.output import json_option, print_facts, print_json


@click.group()
def merchant() -> None:
    """Set what rules ask about merchants.

    Example: cashback merchant set mer_01k9z3v6q8e2r9xw5t4c7m1n0p --mcc 5411
    """


@merchant.command("set", short_help="Set a merchant's category and owners.")
@click.argument("merchant_id")
@click.option("--mcc", help="Its category code (ISO 18245), four digits; none when left out.")
@click.option("--owner", "owners", multiple=True, help="A user who owns it, `usr_...`; may be repeated.")
@idempotency_option
@json_option
def set_facts(merchant_id: str, mcc: str | None, owners: tuple[str, ...], key: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Set a merchant's category and owners together: what is left out is none.

    Example: cashback merchant set mer_01k9z3v6q8e2r9xw5t4c7m1n0p --mcc 5411 --owner usr_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    body = {"mcc": mcc, "owners": list(owners)}
    with api() as client:
        told = client.post(f"/v1/merchants/{part(merchant_id)}/facts", body, idempotency_key=key)
    _print("merchant", told, as_json=as_json)


@click.group()
def user() -> None:
    """Set what rules ask about users.

    Example: cashback user tier usr_01k9z3v6q8e2r9xw5t4c7m1n0p gold
    """


@user.command()
@click.argument("user_id")
@click.argument("tier", required=False)
@click.option("--since", help="RFC 3339 with an offset; now when left out.")
@idempotency_option
@json_option
def tier(user_id: str, tier: str | None, since: str | None, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Set a user's tier, or take it away where none is named.

    Example: cashback user tier usr_01k9z3v6q8e2r9xw5t4c7m1n0p gold --since 2026-01-01T00:00:00Z
    """
    body = {"tier": tier} | ({} if since is None else {"since": since})
    with api() as client:
        told = client.post(f"/v1/users/{part(user_id)}/tier", body, idempotency_key=key)
    _print("user", told, as_json=as_json)


def _print(title: str, told: dict[str, object], *, as_json: bool) -> None:
    """Print an answer for programs or for people."""
    if as_json:
        print_json(told)
    else:
        print_facts(title, told)

"""`cashback adjustment`: cashback that a person gives or takes back, over the REST API."""

from typing import TYPE_CHECKING

import click

from cashback.cli.api import ask, body_of, limit_option, print_answer, print_page
from cashback.cli.chain import by_option
from cashback.cli.output import json_option
from cashback.kernel.ids import new_id

if TYPE_CHECKING:
    from cashback.client.api.structs import CreditBody, DebitBody

_REASON = click.option("--reason", required=True, help="Why; it is kept.")
_AMOUNT = click.option("--amount", "amount_minor", required=True, help="How much, in minor units.")
_KEY = click.option("--idempotency-key", help="The same key again gives and takes nothing twice.")


@click.group()
def adjustment() -> None:
    """Give a user cashback that no purchase earned, or take some back.

    Example: cashback adjustment list
    """


@adjustment.command(short_help="Give cashback that no purchase earned.")
@click.argument("user_id")
@click.option("--programme", "programme_id", required=True, help="Whose rate and currency, `prg_...`.")
@_AMOUNT
@click.option("--campaign", "campaign_id", help="Whose budget pays; without one the programme itself.")
@_REASON
@by_option
@_KEY
@json_option
def credit(as_json: bool, by: str, idempotency_key: str | None, **terms: str | None) -> None:  # noqa: FBT001  # click's way
    """Give a user cashback that no purchase earned; above the review amount another person must approve it.

    Example: cashback adjustment credit usr_1 --programme prg_1 --amount 500 --reason "the parcel came late"
    """
    from cashback.client.api.structs import CreditBody

    _make(body_of(CreditBody, person=by, **terms), idempotency_key, as_json=as_json)


@adjustment.command(short_help="Take back of a cashback.")
@click.argument("cashback_id")
@_AMOUNT
@_REASON
@by_option
@_KEY
@json_option
def debit(as_json: bool, by: str, idempotency_key: str | None, **terms: str | None) -> None:  # noqa: FBT001  # as above
    """Take back of a cashback at most what is left of it; after its mint the user owes that.

    Example: cashback adjustment debit cb_01k9z3v6q8e2r9xw5t4c7m1n0p --amount 200 --reason "given twice"
    """
    from cashback.client.api.structs import DebitBody

    _make(body_of(DebitBody, person=by, **terms), idempotency_key, as_json=as_json)


@adjustment.command("list")
@click.option("--user", "user_id", help="Only those of this user, `usr_...`.")
@limit_option
@json_option
def list_adjustments(user_id: str | None, limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List what people gave and took back, newest first.

    Example: cashback adjustment list --json
    """
    from cashback.client.api import cashback

    names = ("id", "kind", "user_id", "cashback_id", "currency", "amount_minor", "person", "reason", "at")
    call = cashback.list_adjustments(user_id=user_id, limit=limit)
    print_page("adjustments", call, limit=limit, as_json=as_json, shown=names)


@adjustment.command()
@click.argument("adjustment_id")
@json_option
def show(adjustment_id: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show an adjustment, and how its cashback stands now.

    Example: cashback adjustment show adj_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import cashback

    print_answer("adjustment", ask(cashback.show_adjustment(adjustment_id)), as_json=as_json)


def _make(body: "CreditBody | DebitBody", idempotency_key: str | None, *, as_json: bool) -> None:
    """Make an adjustment and print it."""
    from cashback.client.api import cashback

    call = cashback.create_adjustment(body, idempotency_key=idempotency_key or new_id("req"))
    print_answer("adjustment", ask(call), as_json=as_json)

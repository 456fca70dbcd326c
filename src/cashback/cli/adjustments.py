"""`cashback adjustment`: cashback that a person gives or takes back, over the REST API."""

from typing import Any
from urllib.parse import quote

import click

from cashback.cli.api import limit_option, print_page
from cashback.cli.chain import by_option
from cashback.cli.output import json_option, print_facts, print_json
from cashback.cli.rest import RestSettings
from cashback.kernel.config import load
from cashback.kernel.ids import new_id

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
    _make({"kind": "credit", "person": by, **terms}, idempotency_key, as_json=as_json)


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
    _make({"kind": "debit", "person": by, **terms}, idempotency_key, as_json=as_json)


@adjustment.command("list")
@click.option("--user", "user_id", help="Only those of this user, `usr_...`.")
@limit_option
@json_option
def list_adjustments(user_id: str | None, limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List what people gave and took back, newest first.

    Example: cashback adjustment list --json
    """
    names = ("id", "kind", "user_id", "cashback_id", "currency", "amount_minor", "person", "reason", "at")
    asked = {} if user_id is None else {"user_id": user_id}
    print_page("adjustments", "/v1/adjustments", limit=limit, as_json=as_json, shown=names, asked=asked)


@adjustment.command()
@click.argument("adjustment_id")
@json_option
def show(adjustment_id: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show an adjustment, and how its cashback stands now.

    Example: cashback adjustment show adj_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    _print(_get(f"/v1/adjustments/{quote(adjustment_id, safe='')}"), as_json=as_json)


def _make(body: dict[str, Any], idempotency_key: str | None, *, as_json: bool) -> None:
    """Make an adjustment and print it."""
    from cashback.processes.client import Client

    settings = load(RestSettings)
    told = {name: value for name, value in body.items() if value is not None}
    with Client(settings.api_url, settings.api_key) as client:
        answer = client.post("/v1/adjustments", told, idempotency_key=idempotency_key or new_id("req"))
    _print(answer, as_json=as_json)


def _print(answer: dict[str, Any], *, as_json: bool) -> None:
    """Print an adjustment."""
    if as_json:
        print_json(answer)
    else:
        print_facts("adjustment", answer)


def _get(path: str) -> dict[str, Any]:
    """Return the document at `path`."""
    from cashback.processes.client import Client

    settings = load(RestSettings)
    with Client(settings.api_url, settings.api_key) as client:
        return client.get(path)

"""`cashback events`: what happened within the last 30 days, over the REST API."""

from typing import Final

import click

from cashback.cli.api import after_option, ask, facts, limit_option, print_page
from cashback.cli.output import json_option, print_facts, print_json

_SHOWN: Final = ("id", "type", "object_id", "merchant_id", "occurred_at")


@click.group()
def events() -> None:
    """List what happened, and show an event with the body that endpoints of webhooks are posted.

    Example: cashback events list --type token.minted
    """


@events.command("list", short_help="List events, the newest first.")
@click.option("--type", "of_type", help="Only of this type, such as token.minted.")
@click.option("--object", "object_id", help="Only of this purchase, `pur_...`, or cashback, `cb_...`.")
@click.option("--merchant", "merchant_id", help="Only of this merchant, `mer_...`.")
@click.option("--since", help="Only what happened from then on: RFC 3339 with an offset.")
@click.option("--until", help="And before then.")
@after_option
@limit_option
@json_option
def list_events(*, after: str | None, limit: int, as_json: bool, of_type: str | None, **asked: str | None) -> None:
    """List events of the last 30 days, the newest first; with a merchant's key its own.

    Example: cashback events list --object cb_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import events

    call = events.list_events(type=of_type, limit=limit, cursor=after, **asked)
    print_page("events", call, limit=limit, as_json=as_json, shown=_SHOWN, goes_on=True)


@events.command(short_help="Show an event with its data.")
@click.argument("event_id")
@json_option
def show(event_id: str, *, as_json: bool) -> None:
    """Show an event by its id, which is the `webhook-id` of its deliveries.

    Example: cashback events show evt_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import events

    told = ask(events.show_event(event_id))
    if as_json:
        print_json(told)
        return
    print_facts("event", {name: facts(told)[name] for name in _SHOWN})
    print_facts("data", told.body.data)

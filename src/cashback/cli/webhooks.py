"""`cashback webhook`: endpoints that hear of events, what was delivered to them, and delivering again.

All but `reseal`, which knows the keys of their secrets, is asked for over REST.
"""

import asyncio
from typing import TYPE_CHECKING, Final

import click
from msgspec import UNSET

from cashback.cli.api import (
    after_option,
    ask,
    edit,
    facts,
    given,
    idempotency_option,
    limit_option,
    print_answer,
    print_page,
    print_told,
    say_whether_more,
)
from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.output import json_option, print_facts, print_json, print_records, say
from cashback.kernel.config import load

if TYPE_CHECKING:
    from cashback.client.api.structs import DeliveryStory, DeliveryWithTries

_OF_ONE: Final = "whd_"
_STATES: Final = ["due", "claimed", "delivered", "failed"]


@click.group()
def webhook() -> None:
    """Make endpoints that hear of events, read what was delivered to them, and have it delivered again.

    Example: cashback webhook deliveries whe_01k9z3v6q8e2r9xw5t4c7m1n0p --state failed
    """


@webhook.command(short_help="Create an endpoint.")
@click.argument("url")
@click.option(
    "--type", "types", multiple=True, required=True, help="A type of event to hear of, `token.minted`; may be repeated."
)
@click.option("--merchant", "merchant_id", help="Whose it is, `mer_...`; the caller's own when left out.")
@idempotency_option
@json_option
def create(url: str, types: tuple[str, ...], merchant_id: str | None, key: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Create an endpoint that hears of what happens from now on; `cashback webhook secret` tells what signs.

    Example: cashback webhook create https://shop.example/hooks --type token.minted --type purchase.refunded
    """
    from cashback.client.api import structs, webhooks

    body = structs.EndpointBody(url=url, types=list(types), merchant_id=given(merchant_id))
    print_answer("endpoint", ask(webhooks.create_webhook_endpoint(body, idempotency_key=key)), as_json=as_json)


@webhook.command(short_help="Have an endpoint be elsewhere, or hear of others.")
@click.argument("endpoint_id")
@click.option("--url", help="Where it is from now on; where it was when left out.")
@click.option("--type", "types", multiple=True, help="A type of event to hear of; those of before when none is named.")
@idempotency_option
@json_option
def change(endpoint_id: str, url: str | None, types: tuple[str, ...], key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Have the next try go elsewhere, or an endpoint hear of other types from now on; its secret stays.

    Example: cashback webhook change whe_01k9z3v6q8e2r9xw5t4c7m1n0p --url https://shop.example/hooks/v2
    """
    from cashback.client.api import structs, webhooks

    if url is None and not types:
        raise click.UsageError("name a --url, one --type or more, or both")
    body = structs.EndpointChangeBody(url=given(url), types=given(list(types) or None))
    told = edit(
        webhooks.show_webhook_endpoint(endpoint_id),
        lambda tag: webhooks.change_webhook_endpoint(endpoint_id, body, idempotency_key=key, if_match=tag),
    )
    print_answer("endpoint", told, as_json=as_json)


@webhook.command("list", short_help="List endpoints.")
@limit_option
@json_option
def list_endpoints(limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List endpoints, the oldest first; with a merchant's key its own.

    Example: cashback webhook list
    """
    from cashback.client.api import webhooks

    shown = ("id", "merchant_id", "url", "state", "disabled_reason", "failing_since")
    call = webhooks.list_webhook_endpoints(limit=limit)
    print_page("endpoints", call, limit=limit, as_json=as_json, shown=shown)


@webhook.command(short_help="Show an endpoint, or a delivery with its tries.")
@click.argument("id_", metavar="ID")
@json_option
def show(id_: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show an endpoint, `whe_...`, or a delivery with its tries, `whd_...`.

    Example: cashback webhook show whe_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import webhooks

    if not id_.startswith(_OF_ONE):
        print_answer("endpoint", ask(webhooks.show_webhook_endpoint(id_)), as_json=as_json)
        return
    _print_delivery(ask(webhooks.show_webhook_delivery(id_)), as_json=as_json)


@webhook.command(short_help="Show what signs; that is written down.")
@click.argument("endpoint_id")
@json_option
def secret(endpoint_id: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show the newest secret of an endpoint, by which its owner verifies what comes; that it was shown is written down.

    Example: cashback webhook secret whe_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import webhooks

    told = ask(webhooks.show_webhook_secret(endpoint_id))
    if as_json:
        print_json(told)
    else:
        click.echo(told.secret)


@webhook.command(short_help="Give an endpoint a new secret.")
@click.argument("endpoint_id")
@idempotency_option
@json_option
def rotate(endpoint_id: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Give an endpoint a new secret; the one before signs beside it for a day.

    Example: cashback webhook rotate whe_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import structs, webhooks

    call = webhooks.rotate_webhook_secret(endpoint_id, structs.NothingBody(), idempotency_key=key)
    print_answer("rotated", ask(call), as_json=as_json)


@webhook.command(short_help="Have an endpoint hear of events again.")
@click.argument("endpoint_id")
@idempotency_option
@json_option
def enable(endpoint_id: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Have an endpoint hear of what happens from now on; `cashback webhook replay` brings what ended meanwhile.

    Example: cashback webhook enable whe_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import structs, webhooks

    call = webhooks.enable_webhook_endpoint(endpoint_id, structs.NothingBody(), idempotency_key=key)
    print_answer("enabled", ask(call), as_json=as_json)


@webhook.command(short_help="Have an endpoint hear of nothing more.")
@click.argument("endpoint_id")
@idempotency_option
@json_option
def disable(endpoint_id: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Have an endpoint hear of nothing more; what was to be delivered to it ends as failed.

    Example: cashback webhook disable whe_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import structs, webhooks

    call = webhooks.disable_webhook_endpoint(endpoint_id, structs.NothingBody(), idempotency_key=key)
    print_answer("disabled", ask(call), as_json=as_json)


@webhook.command(short_help="List what was delivered to an endpoint.")
@click.argument("endpoint_id")
@click.option("--state", type=click.Choice(_STATES), help="Only deliveries in this state.")
@after_option
@limit_option
@json_option
def deliveries(endpoint_id: str, state: str | None, after: str | None, limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List the deliveries to an endpoint, the newest first: what the last try came to, and when the next one is.

    Example: cashback webhook deliveries whe_01k9z3v6q8e2r9xw5t4c7m1n0p --state failed
    """
    from cashback.client.api import structs, webhooks

    of_state = None if state is None else structs.DeliveryState(state)
    page = ask(webhooks.list_webhook_deliveries(endpoint_id, state=of_state, limit=limit, cursor=after))
    rows = [facts(one) if as_json else _row(one) for one in page.items]
    print_records("deliveries", rows, as_json=as_json)
    say_whether_more(page.next_cursor, limit=limit, goes_on=True)


@webhook.command(short_help="Deliver again: one, or those of a span of time.")
@click.argument("id_", metavar="ID")
@click.option("--since", help="Of events that happened from then on: RFC 3339 with an offset.")
@click.option("--until", help="And before then.")
@click.option("--type", "types", multiple=True, help="Only of this type; may be repeated.")
@click.option("--state", "states", multiple=True, type=click.Choice(["delivered", "failed"]), help="Only these.")
@click.option("--dry-run", is_flag=True, help="Count them alone.")
@idempotency_option
@json_option
def replay(  # as above
    *,
    id_: str,
    since: str | None,
    until: str | None,
    types: tuple[str, ...],
    states: tuple[str, ...],
    dry_run: bool,
    key: str,
    as_json: bool,
) -> None:
    """Deliver again what a delivery has, `whd_...`, or what ended at an endpoint, `whe_...`, `--since` and `--until`.

    Example: cashback webhook replay whd_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import structs, webhooks

    if id_.startswith(_OF_ONE):
        if any((since, until, types, states, dry_run)):
            raise click.UsageError("a delivery is replayed as it is: no span, type or state goes with it")
        call = webhooks.replay_webhook_delivery(id_, structs.NothingBody(), idempotency_key=key)
        _print_delivery(ask(call), as_json=as_json)
        return
    if since is None or until is None:
        raise click.UsageError("say --since and --until: deliveries of an endpoint are replayed by a span of time")
    body = structs.ReplayBody(
        since=since,
        until=until,
        types=list(types),
        states=[structs.DeliveryState(state) for state in states],
        dry_run=dry_run,
    )
    told = ask(webhooks.replay_webhook_endpoint(id_, body, idempotency_key=key))
    print_answer("would be replayed" if dry_run else "replayed", told, as_json=as_json)


@webhook.command(short_help="Seal the secrets of all endpoints anew, under another key.")
@click.option("--dry-run", is_flag=True, help="Count those that are not under the newest key.")
@json_option
def reseal(dry_run: bool, as_json: bool) -> int:  # noqa: FBT001  # as above
    """Bring the living secrets of all endpoints under CASHBACK_WEBHOOK_KEY, opened by CASHBACK_WEBHOOK_KEY_BEFORE.

    Workers and API must know both keys by then. It may be broken off and run again. Exits with 3 while one is left that
    is not under the newest key.

    Example: cashback webhook reseal
    """
    from cashback.processes import resealing

    settings = load(resealing.Settings)
    told = asyncio.run(resealing.run(settings, dry_run=dry_run))
    if as_json:
        print_json(told)
    else:
        print_facts("secrets", {"sealed anew": told.resealed, "not under the newest key": told.left})
        for one in told.unreadable:
            say(f"secret {one.number} of {one.endpoint_id} is left: {one.reason}")
    return EXIT_DIFFERENCE if told.left else 0


def _row(delivery: "DeliveryStory") -> dict[str, object]:
    """Return a delivery as a row of the log: of its last try the status or the word for why there was none.

    When the next one is it says only while it waits for that.
    """
    told = facts(delivery)
    return {
        **{name: told[name] for name in ("id", "event_id", "type", "state", "attempts")},
        "last": told.get("last_error") if told.get("last_status") is None else told["last_status"],
        "next_try_at": told["due_at"] if told["state"] == "due" else None,
        **{name: told[name] for name in ("ended_at", "replay_of")},
    }


def _print_delivery(told: "DeliveryWithTries", *, as_json: bool) -> None:
    """Print a delivery, for people with its tries as a table; an answer of before they were told has none."""
    if as_json:
        print_json(told)
        return
    print_facts("delivery", facts(told, but=("tries",)))
    if told.tries is not UNSET:
        print_told("tries", told.tries, as_json=False)

"""`cashback webhook`: endpoints that hear of events, what was delivered to them, and delivering again.

All but `reseal`, which knows the keys of their secrets, is asked for over REST.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import click

from cashback.cli.api import after_option, api, idempotency_option, limit_option, part, print_page, say_whether_more
from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.output import json_option, print_facts, print_json, print_records, say
from cashback.kernel.config import load

_ENDPOINTS: Final = "/v1/webhooks/endpoints"
_DELIVERIES: Final = "/v1/webhooks/deliveries"
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
    body: dict[str, Any] = {"url": url, "types": list(types)}
    if merchant_id is not None:
        body["merchant_id"] = merchant_id
    _order(_ENDPOINTS, body, key, title="endpoint", as_json=as_json)


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
    body: dict[str, Any] = ({} if url is None else {"url": url}) | ({"types": list(types)} if types else {})
    if not body:
        raise click.UsageError("name a --url, one --type or more, or both")
    with api() as client:
        told = client.edit(f"{_ENDPOINTS}/{part(endpoint_id)}", body, idempotency_key=key)
    _print("endpoint", told, as_json=as_json)


@webhook.command("list", short_help="List endpoints.")
@limit_option
@json_option
def list_endpoints(limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List endpoints, the oldest first; with a merchant's key its own.

    Example: cashback webhook list
    """
    shown = ("id", "merchant_id", "url", "state", "disabled_reason", "failing_since")
    print_page("endpoints", _ENDPOINTS, limit=limit, as_json=as_json, shown=shown)


@webhook.command(short_help="Show an endpoint, or a delivery with its tries.")
@click.argument("id_", metavar="ID")
@json_option
def show(id_: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show an endpoint, `whe_...`, or a delivery with its tries, `whd_...`.

    Example: cashback webhook show whe_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    is_delivery = id_.startswith(_OF_ONE)
    with api() as client:
        told = client.get(f"{_DELIVERIES if is_delivery else _ENDPOINTS}/{part(id_)}")
    if as_json:
        print_json(told)
    elif is_delivery:
        print_facts("delivery", told["delivery"])
        print_records("tries", told["tries"], as_json=False)
    else:
        print_facts("endpoint", told)


@webhook.command(short_help="Show what signs; that is written down.")
@click.argument("endpoint_id")
@json_option
def secret(endpoint_id: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show the newest secret of an endpoint, by which its owner verifies what comes; that it was shown is written down.

    Example: cashback webhook secret whe_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    with api() as client:
        told = client.get(f"{_ENDPOINTS}/{part(endpoint_id)}/secret")
    if as_json:
        print_json(told)
    else:
        click.echo(told["secret"])


@webhook.command(short_help="Give an endpoint a new secret.")
@click.argument("endpoint_id")
@idempotency_option
@json_option
def rotate(endpoint_id: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Give an endpoint a new secret; the one before signs beside it for a day.

    Example: cashback webhook rotate whe_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    _order(f"{_ENDPOINTS}/{part(endpoint_id)}/rotate", {}, key, title="rotated", as_json=as_json)


@webhook.command(short_help="Have an endpoint hear of events again.")
@click.argument("endpoint_id")
@idempotency_option
@json_option
def enable(endpoint_id: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Have an endpoint hear of what happens from now on; `cashback webhook replay` brings what ended meanwhile.

    Example: cashback webhook enable whe_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    _order(f"{_ENDPOINTS}/{part(endpoint_id)}/enable", {}, key, title="enabled", as_json=as_json)


@webhook.command(short_help="Have an endpoint hear of nothing more.")
@click.argument("endpoint_id")
@idempotency_option
@json_option
def disable(endpoint_id: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Have an endpoint hear of nothing more; what was to be delivered to it ends as failed.

    Example: cashback webhook disable whe_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    _order(f"{_ENDPOINTS}/{part(endpoint_id)}/disable", {}, key, title="disabled", as_json=as_json)


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
    named = {"limit": str(limit), "state": state, "cursor": after}
    asked = urlencode({name: value for name, value in named.items() if value is not None})
    with api() as client:
        page = client.get(f"{_ENDPOINTS}/{part(endpoint_id)}/deliveries?{asked}")
    rows = page["items"] if as_json else [_row(one) for one in page["items"]]
    print_records("deliveries", rows, as_json=as_json)
    say_whether_more(page["next_cursor"], limit=limit, goes_on=True)


@webhook.command(short_help="Deliver again: one, or those of a span of time.")
@click.argument("id_", metavar="ID")
@click.option("--since", help="Of events that happened from then on: RFC 3339 with an offset.")
@click.option("--until", help="And before then.")
@click.option("--type", "types", multiple=True, help="Only of this type; may be repeated.")
@click.option("--state", "states", multiple=True, type=click.Choice(["delivered", "failed"]), help="Only these.")
@click.option("--dry-run", is_flag=True, help="Count them alone.")
@idempotency_option
@json_option
def replay(id_: str, key: str, as_json: bool, **terms: Any) -> None:  # noqa: ANN401, FBT001  # as above
    """Deliver again what a delivery has, `whd_...`, or what ended at an endpoint, `whe_...`, `--since` and `--until`.

    Example: cashback webhook replay whd_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    span = (terms["since"], terms["until"])
    if id_.startswith(_OF_ONE):
        if any(terms.values()):
            raise click.UsageError("a delivery is replayed as it is: no span, type or state goes with it")
        _order(f"{_DELIVERIES}/{part(id_)}/replay", {}, key, title="delivery", as_json=as_json)
        return
    if None in span:
        raise click.UsageError("say --since and --until: deliveries of an endpoint are replayed by a span of time")
    body = {**terms, "types": list(terms["types"]), "states": list(terms["states"])}
    _order(
        f"{_ENDPOINTS}/{part(id_)}/replay",
        body,
        key,
        title="would be replayed" if terms["dry_run"] else "replayed",
        as_json=as_json,
    )


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


def _row(delivery: Mapping[str, Any]) -> dict[str, object]:
    """Return a delivery as a row of the log: of its last try the status or the word for why there was none.

    When the next one is it says only while it waits for that.
    """
    return {
        "id": delivery["id"],
        "event_id": delivery["event_id"],
        "type": delivery["type"],
        "state": delivery["state"],
        "attempts": delivery["attempts"],
        "last": delivery["last_error"] if delivery["last_status"] is None else delivery["last_status"],
        "next_try_at": delivery["due_at"] if delivery["state"] == "due" else None,
        "ended_at": delivery["ended_at"],
        "replay_of": delivery["replay_of"],
    }


def _order(path: str, body: dict[str, Any], key: str, *, title: str, as_json: bool) -> None:
    """Have something done once, and print the answer."""
    with api() as client:
        told = client.post(path, body, idempotency_key=key)
    _print(title, told, as_json=as_json)


def _print(title: str, told: dict[str, Any], *, as_json: bool) -> None:
    """Print an answer for programs or for people."""
    if as_json:
        print_json(told)
    else:
        print_facts(title, told)

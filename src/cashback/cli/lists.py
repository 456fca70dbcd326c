"""The `list` verbs of purchases, refunds, users and merchants: filtered, in either order, a page at a time."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

import click

from cashback.cli.api import Page, after_option, limit_option, print_page
from cashback.cli.output import json_option

if TYPE_CHECKING:
    from cashback.client import Call

PageT = TypeVar("PageT", bound=Page)

PURCHASE: Final = ("id", "merchant_id", "user_id", "reference", "amount_minor", "currency", "occurred_at")
REFUND: Final = ("id", "purchase_id", "reference", "kind", "amount_minor", "currency", "reason", "created_at")
USER: Final = ("id", "reference", "wallet", "tier", "is_blocked", "created_at")
MERCHANT: Final = ("id", "name", "mcc", "is_active", "created_at")
_FROM: Final = "RFC 3339: only from then on."
_TO: Final = "RFC 3339: and before then."


def _of_a_list(verb: Callable[..., None]) -> Callable[..., None]:
    """Return a verb with the options that all of these have."""
    order = click.option(
        "--order",
        type=click.Choice(["desc", "asc"]),
        default="desc",
        show_default=True,
        help="Newest first, or oldest first (asc).",
    )
    return order(after_option(limit_option(json_option(verb))))


@click.command("list", short_help="List purchases, newest first.")
@click.option("--merchant", "merchant_id", help="Only of this merchant, `mer_...`.")
@click.option("--user", "user_id", help="Only of this user, `usr_...`.")
@click.option("--reference", help="Only what the merchant calls so; with an operator's key name the merchant too.")
@click.option("--currency", help="Only in this currency.")
@click.option("--occurred-from", help=_FROM)
@click.option("--occurred-to", help=_TO)
@click.option("--received-from", help=_FROM)
@click.option("--received-to", help=_TO)
@_of_a_list
def list_purchases(limit: int, after: str | None, order: str, as_json: bool, **asked: str | None) -> None:  # noqa: FBT001  # click's way
    """List purchases by whose they are, by their currency and by when they came; a merchant's key has its own.

    Example: cashback purchase list --merchant mer_01k9z3v6q8e2r9xw5t4c7m1n0p --currency EUR
    """
    from cashback.client.api import purchases, structs

    call = purchases.list_purchases(order=structs.Order(order), limit=limit, cursor=after, **asked)
    _print("purchases", call, PURCHASE, limit=limit, as_json=as_json)


@click.command("list", short_help="List refunds that were applied, newest first.")
@click.option("--purchase", "purchase_id", help="Only of this purchase, `pur_...`.")
@click.option("--merchant", "merchant_id", help="Only of this merchant, `mer_...`.")
@click.option("--user", "user_id", help="Only of what this user bought, `usr_...`.")
@click.option("--reference", help="Only what the merchant calls so; with an operator's key name the merchant too.")
@click.option("--kind", type=click.Choice(["refund", "chargeback"]), help="Only by whom they were taken back.")
@click.option("--created-from", help=_FROM)
@click.option("--created-to", help=_TO)
@_of_a_list
def list_refunds(
    limit: int,
    after: str | None,
    order: str,
    kind: str | None,
    as_json: bool,  # noqa: FBT001  # as above
    **asked: str | None,
) -> None:
    """List refunds that were applied; `cashback refund parked` lists those that wait.

    Example: cashback refund list --purchase pur_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import refunds, structs

    of_kind = None if kind is None else structs.RefundKind(kind)
    call = refunds.list_refunds(kind=of_kind, order=structs.Order(order), limit=limit, cursor=after, **asked)
    _print("refunds", call, REFUND, limit=limit, as_json=as_json)


@click.command("list", short_help="List users, newest first.")
@click.option("--reference", help="Only whom you call so.")
@click.option("--wallet", help="Only whose wallet in use this is, with its checksum.")
@click.option("--blocked/--not-blocked", "is_blocked", default=None, help="Only who is blocked, or is not.")
@_of_a_list
def list_users(
    limit: int,
    after: str | None,
    order: str,
    is_blocked: bool | None,  # noqa: FBT001  # as above
    as_json: bool,  # noqa: FBT001  # as above
    **asked: str | None,
) -> None:
    """List users by what you know of them.

    Example: cashback user list --reference alice
    """
    from cashback.client.api import structs, users

    call = users.list_users(is_blocked=is_blocked, order=structs.Order(order), limit=limit, cursor=after, **asked)
    _print("users", call, USER, limit=limit, as_json=as_json)


@click.command("list", short_help="List merchants, newest first.")
@click.option("--name", help="Only those whose names begin so, in any case.")
@click.option("--active/--inactive", "is_active", default=None, help="Only those that are active, or are not.")
@_of_a_list
def list_merchants(
    limit: int,
    after: str | None,
    order: str,
    is_active: bool | None,  # noqa: FBT001  # as above
    as_json: bool,  # noqa: FBT001  # as above
    **asked: str | None,
) -> None:
    """List merchants by their names and by whether they are active.

    Example: cashback merchant list --name corner
    """
    from cashback.client.api import merchants, structs

    call = merchants.list_merchants(is_active=is_active, order=structs.Order(order), limit=limit, cursor=after, **asked)
    _print("merchants", call, MERCHANT, limit=limit, as_json=as_json)


def _print(title: str, call: "Call[PageT]", shown: tuple[str, ...], *, limit: int, as_json: bool) -> None:
    """Print one page of a list, and how to go on behind it."""
    print_page(title, call, limit=limit, as_json=as_json, shown=shown, goes_on=True)

"""`cashback merchant` and `cashback user`: who buys where, with which wallet, and what rules ask about them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import click
import msgspec

from cashback.cli.api import ask, facts, given, idempotency_option, limit_option, print_answer, print_page
from cashback.cli.chain import by_option
from cashback.cli.edits import rename_merchant, rename_user
from cashback.cli.lists import list_merchants, list_users
from cashback.cli.output import json_option, print_facts, print_json, print_records, say_state
from cashback.cli.ownership import OWNERSHIP_VERBS
from cashback.cli.privacy import PRIVACY_VERBS

if TYPE_CHECKING:
    from cashback.client import Call
    from cashback.client.api.structs import ActivityAnswer, BlockAnswer

_EARNED: Final = (
    "id",
    "purchase_id",
    "state",
    "reason",
    "currency",
    "amount_minor",
    "token_units",
    "created_at",
    "transaction_hash",
)


def _signed(verb: Callable[..., None]) -> Callable[..., None]:
    """Return a verb with the options of all that is said in a person's name."""
    reason = click.option("--reason", required=True, help="Why; it is kept.")
    return reason(by_option(idempotency_option(json_option(verb))))


@click.group()
def merchant() -> None:
    """Create, list and deactivate merchants, and set what rules ask about them.

    Example: cashback merchant create "Corner shop" --mcc 5411
    """


merchant.add_command(list_merchants)
merchant.add_command(rename_merchant)


@merchant.command("create", short_help="Create a merchant.")
@click.argument("name")
@click.option("--mcc", help="Its category code (ISO 18245), four digits.")
@click.option("--owner", "owners", multiple=True, help="A user who owns it, `usr_...`; may be repeated.")
@idempotency_option
@json_option
def create_merchant(name: str, mcc: str | None, owners: tuple[str, ...], key: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Create a merchant; `cashback keys create` then gives it an API key.

    Example: cashback merchant create "Corner shop" --mcc 5411
    """
    from cashback.client.api import merchants, structs

    body = structs.MerchantBody(name=name, mcc=given(mcc), owners=list(owners))
    print_answer("merchant", ask(merchants.create_merchant(body, idempotency_key=key)), as_json=as_json)


@merchant.command("set", short_help="Set a merchant's category and owners.")
@click.argument("merchant_id")
@click.option("--mcc", help="Its category code (ISO 18245), four digits; none when left out.")
@click.option("--owner", "owners", multiple=True, help="A user who owns it, `usr_...`; may be repeated.")
@idempotency_option
@json_option
def set_facts(merchant_id: str, mcc: str | None, owners: tuple[str, ...], key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Set a merchant's category and owners together: what is left out is none.

    Example: cashback merchant set mer_01k9z3v6q8e2r9xw5t4c7m1n0p --mcc 5411 --owner usr_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import merchants, structs

    body = structs.MerchantFactsBody(mcc=given(mcc), owners=list(owners))
    told = ask(merchants.set_merchant_facts(merchant_id, body, idempotency_key=key))
    print_answer("merchant", told, as_json=as_json)


@merchant.command("show")
@click.argument("merchant_id")
@json_option
def show_merchant(merchant_id: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show a merchant with its category and owners.

    Example: cashback merchant show mer_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import merchants

    print_answer("merchant", ask(merchants.show_merchant(merchant_id)), as_json=as_json)


@merchant.command(short_help="Have purchases there earn nothing.")
@click.argument("merchant_id")
@_signed
def deactivate(merchant_id: str, reason: str, by: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Have purchases recorded at a merchant from now on earn nothing; what was granted before lives on.

    Example: cashback merchant deactivate mer_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "the contract has ended"
    """
    from cashback.client.api import merchants, structs

    body = structs.OrderBody(person=by, reason=reason)
    _say_activity(merchants.deactivate_merchant(merchant_id, body, idempotency_key=key), as_json=as_json)


@merchant.command(short_help="Have purchases there earn again.")
@click.argument("merchant_id")
@_signed
def activate(merchant_id: str, reason: str, by: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Have purchases recorded at a merchant from now on earn again; those of the meantime are not decided anew.

    Example: cashback merchant activate mer_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "there is a new contract"
    """
    from cashback.client.api import merchants, structs

    body = structs.OrderBody(person=by, reason=reason)
    _say_activity(merchants.activate_merchant(merchant_id, body, idempotency_key=key), as_json=as_json)


@merchant.command(short_help="List who deactivated and activated it, and why.")
@click.argument("merchant_id")
@limit_option
@json_option
def deactivations(merchant_id: str, limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List who deactivated and activated a merchant, and why, newest first.

    Example: cashback merchant deactivations mer_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import merchants

    print_page("deactivations", merchants.list_deactivations(merchant_id, limit=limit), limit=limit, as_json=as_json)


@click.group()
def user() -> None:
    """Create, list and block users, link their wallets, and set what rules ask about them.

    Example: cashback user create --wallet 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed
    """


for _verb in (list_users, rename_user, *OWNERSHIP_VERBS, *PRIVACY_VERBS):
    user.add_command(_verb)


@user.command("create", short_help="Create a user.")
@click.option("--reference", help="Your own name for the user.")
@click.option("--wallet", help="An EVM address with its EIP-55 checksum; cashback waits while there is none.")
@click.option("--tier", help="A name that rules know, such as `gold`.")
@idempotency_option
@json_option
def create_user(reference: str | None, wallet: str | None, tier: str | None, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Create a user, with a wallet or without one for now.

    Example: cashback user create --reference alice --wallet 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed
    """
    from cashback.client.api import structs, users

    body = structs.UserBody(reference=given(reference), wallet=given(wallet), tier=given(tier))
    print_answer("user", ask(users.create_user(body, idempotency_key=key)), as_json=as_json)


@user.command("show")
@click.argument("user_id")
@json_option
def show_user(user_id: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show a user with the wallet in use and the tier.

    Example: cashback user show usr_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import users

    print_answer("user", ask(users.show_user(user_id)), as_json=as_json)


@user.command("cashback", short_help="List a user's cashback, newest first.")
@click.argument("user_id")
@limit_option
@json_option
def list_cashback(user_id: str, limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List what a user earned, newest first, and how far each is.

    Example: cashback user cashback usr_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import users

    print_page("cashback", users.list_cashback(user_id, limit=limit), limit=limit, as_json=as_json, shown=_EARNED)


@user.command(short_help="Show what a user has, in ledger and wallet.")
@click.argument("user_id")
@json_option
def balance(user_id: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show what a user earned by state, and what the wallet holds on the chain; stale when that does not answer.

    Example: cashback user balance usr_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import users

    story = ask(users.show_balance(user_id))
    if as_json:
        print_json(story)
        return
    rows: list[dict[str, object]] = [
        {"currency": each.currency, "state": state, **facts(figures)}
        for each in story.ledger
        for state, figures in msgspec.structs.asdict(each).items()
        if state != "currency"
    ]
    print_facts("balance", facts(story, but=("ledger", "on_chain")))
    print_records("in the ledger", rows, as_json=False)
    if story.on_chain is not None:
        print_facts("on the chain", facts(story.on_chain))


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
    from cashback.client.api import structs, users

    body = structs.TierBody(tier=tier, since=given(since))
    print_answer("user", ask(users.set_tier(user_id, body, idempotency_key=key)), as_json=as_json)


@user.command(short_help="Have their purchases earn nothing.")
@click.argument("user_id")
@_signed
def block(user_id: str, reason: str, by: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Have purchases recorded from now on earn the user nothing; what was granted before lives on.

    Example: cashback user block usr_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "buys and returns"
    """
    from cashback.client.api import structs, users

    body = structs.OrderBody(person=by, reason=reason)
    _say_block(users.block_user(user_id, body, idempotency_key=key), as_json=as_json)


@user.command(short_help="Have their purchases earn again.")
@click.argument("user_id")
@_signed
def unblock(user_id: str, reason: str, by: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Have purchases recorded from now on earn the user something again; those of the meantime are not decided anew.

    Example: cashback user unblock usr_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "it was somebody else"
    """
    from cashback.client.api import structs, users

    body = structs.OrderBody(person=by, reason=reason)
    _say_block(users.unblock_user(user_id, body, idempotency_key=key), as_json=as_json)


@user.command(short_help="List who blocked and unblocked them, and why.")
@click.argument("user_id")
@limit_option
@json_option
def blocks(user_id: str, limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List who blocked and unblocked a user, and why, newest first.

    Example: cashback user blocks usr_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import users

    print_page("blocks", users.list_blocks(user_id, limit=limit), limit=limit, as_json=as_json)


def _say_block(call: "Call[BlockAnswer]", *, as_json: bool) -> None:
    """Say whether a user may earn, and tell how it stands."""
    told = ask(call)
    if as_json:
        print_json(told)
        return
    # Who never was blocked was not unblocked either, by nobody.
    ended = "not blocked" if told.at is None else "unblocked"
    say_state(facts(told), told.user_id, "blocked" if told.is_blocked else ended)


def _say_activity(call: "Call[ActivityAnswer]", *, as_json: bool) -> None:
    """Say whether a merchant's purchases earn, and tell how it stands."""
    told = ask(call)
    if as_json:
        print_json(told)
        return
    say_state(facts(told), told.merchant_id, "active" if told.is_active else "inactive")

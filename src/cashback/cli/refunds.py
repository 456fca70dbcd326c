"""`cashback refund` and `cashback debts`: what is returned, and what users owe for it, over the REST API."""

from typing import TYPE_CHECKING

import click

from cashback.cli.api import (
    LIMIT_MAX,
    api,
    ask,
    body_of,
    facts,
    limit_option,
    print_answer,
    print_page,
    print_told,
    say_whether_more,
)
from cashback.cli.lists import list_refunds
from cashback.cli.output import json_option, print_facts, print_json, print_records
from cashback.kernel.ids import new_id

if TYPE_CHECKING:
    from cashback.client.api.structs import RefundAnswer, RefundLineBody


@click.group()
def refund() -> None:
    """Return purchases, and list and show refunds, over the REST API.

    Example: cashback refund parked
    """


refund.add_command(list_refunds)


@refund.command("create")
@click.option("--purchase", "purchase_id", help="What is returned, `pur_...`.")
@click.option("--purchase-reference", help="Or the merchant's own name of it; it need not be here yet.")
@click.option("--amount", "amount_minor", help="How much is returned in minor units, when not by lines.")
@click.option("--line", "lines", multiple=True, help="A line from 1 on and how much of it: 2=999.")
@click.option("--reason", required=True, help="Why, in a few words.")
@click.option("--kind", type=click.Choice(["refund", "chargeback"]), default="refund", help="Who takes it back.")
@click.option("--merchant", "merchant_id", help="Needed with an operator's key and a reference.")
@click.option("--reference", help="The merchant's own name for the refund; it is made once.")
@click.option("--idempotency-key", help="Repeat a command safely under the same key; a new one when left out.")
@json_option
def create(idempotency_key: str | None, lines: tuple[str, ...], as_json: bool, **body: str | None) -> None:  # noqa: FBT001  # click's way
    """Return a purchase, or a part of it.

    Prints what is left of its cashback.

    Example: cashback refund create --purchase $purchase --amount 999 --reason "sent back"
    """
    from cashback.client.api import refunds, structs

    parts = [part_of(line) for line in lines] or None
    call = refunds.create_refund(
        body_of(structs.RefundBody, lines=parts, **body), idempotency_key=idempotency_key or new_id("req")
    )
    _show_refund(ask(call), as_json=as_json)


@refund.command("show")
@click.argument("refund_id")
@json_option
def show_refund(refund_id: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Show a refund and what it left of the cashback.

    One that waits for its purchase says so.

    Example: cashback refund show rfd_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import refunds

    _show_refund(ask(refunds.show_refund(refund_id)), as_json=as_json)


@refund.command("parked")
@json_option
def parked(as_json: bool) -> None:  # noqa: FBT001  # click's way
    """List refunds whose purchase has not come.

    Those whose purchase came too late or refused them are in it; the oldest 200.

    Example: cashback refund parked
    """
    from cashback.client.api import refunds

    page = ask(refunds.list_parked_refunds(limit=LIMIT_MAX))
    names = ("id", "state", "code", "merchant_id", "purchase_reference", "reference", "amount_minor", "created_at")
    rows = [{name: facts(item).get(name) for name in names} for item in page.items]
    print_records("parked refunds", rows, as_json=as_json)
    say_whether_more(page.next_cursor, limit=LIMIT_MAX)


@click.group()
def debts() -> None:
    """Show what users owe for what was returned after its mint, and give it up.

    Example: cashback debts list
    """


@debts.command("list")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="How many users at most.")
@json_option
def list_debts(limit: int, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """List users in debt, and what every programme asked back.

    Of programmes the newest 200. Requested, collected and uncollected, in base units of the token.

    Example: cashback debts list --json
    """
    from cashback.client.api import debts

    with api() as client:
        debtors = client.send(debts.list_debts(limit=limit))
        programmes = client.send(debts.show_programme_debts(limit=LIMIT_MAX))
    if as_json:
        print_json({"users": debtors.items, "programmes": programmes.items})
    else:
        print_told("users in debt", debtors.items, as_json=False)
        print_told("programmes", programmes.items, as_json=False)
    say_whether_more(debtors.next_cursor, limit=limit)


@debts.command("show")
@click.argument("user_id")
@json_option
def show_debt(user_id: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Show what a user was asked back.

    What became of it, too, and what is open since when.

    Example: cashback debts show usr_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import debts

    story = ask(debts.show_debt(user_id))
    if as_json:
        print_json(story)
        return
    print_facts("debt", facts(story.figures))
    print_told("open", story.open, as_json=False)


@debts.command("write-offs")
@click.argument("user_id")
@limit_option
@json_option
def list_write_offs(user_id: str, limit: int, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """List what was given up of a user's debt, the last first.

    By people with their reason, and by the ledger because of its age.

    Example: cashback debts write-offs usr_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import debts

    print_page("given up", debts.list_write_offs(user_id, limit=limit), limit=limit, as_json=as_json)


@debts.command("write-off")
@click.argument("user_id")
@click.option("--by", "person", required=True, help="Who gives it up: your name.")
@click.option("--reason", required=True, help="Why.")
@click.option("--units", "token_units", help="At most so many base units, the oldest first; all when left out.")
@click.option("--idempotency-key", help="Repeat a command safely under the same key; a new one when left out.")
@json_option
def write_off(user_id: str, idempotency_key: str | None, as_json: bool, **body: str | None) -> None:  # noqa: FBT001  # click's way
    """Give up what a user owes and print how much that was.

    Example: cashback debts write-off $user --by alice --reason "moved away"
    """
    from cashback.client.api import debts, structs

    call = debts.write_off_debt(
        user_id, body_of(structs.WriteOffBody, **body), idempotency_key=idempotency_key or new_id("req")
    )
    print_answer("written off", ask(call), as_json=as_json)


def part_of(text: str) -> "RefundLineBody":
    """Return a line of a refund as the API takes it, from `LINE=AMOUNT`.

    Raises:
        click.BadParameter: it is none.
    """
    from cashback.client.api.structs import RefundLineBody

    line, separator, amount = text.partition("=")
    if not separator or not line.isdecimal():
        raise click.BadParameter("a line is its number from 1 on and an amount, such as 2=999", param_hint="--line")
    return RefundLineBody(line=int(line), amount_minor=amount)


def _show_refund(answer: "RefundAnswer", *, as_json: bool) -> None:
    """Print a refund."""
    if as_json:
        print_json(answer)
        return
    print_facts("refund", facts(answer, but=("cashback", "lines")))
    if answer.lines:
        print_told("lines", answer.lines, as_json=False)
    if answer.cashback:
        print_facts("cashback", facts(answer.cashback))

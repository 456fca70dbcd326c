"""`cashback purchase` and `cashback import`: purchases from the command line, one over REST or a whole file."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from msgspec import UNSET, UnsetType

from cashback.cli.api import api, ask, body_of, facts, print_told
from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.lists import list_purchases
from cashback.cli.output import Progress, json_option, print_facts, print_json, print_records, say, tokens, tree
from cashback.kernel.config import load
from cashback.kernel.ids import new_id

if TYPE_CHECKING:
    from cashback.client.api.structs import CashbackAnswer, CashbackStory, LineAnswer, LineBody


@click.group()
def purchase() -> None:
    """Create, list and show purchases over the REST API.

    Example: cashback purchase show pur_01k9z3v6q8e2r9xw5t4c7m1n0p
    """


purchase.add_command(list_purchases)


@purchase.command()
@click.option("--user", "user_id", required=True, help="Who bought, `usr_...`.")
@click.option("--amount", "amount_minor", required=True, help="In minor units: 1999 is 19.99 of a currency with cents.")
@click.option("--currency", default="USD", show_default=True, help="ISO 4217 code.")
@click.option("--occurred-at", help="RFC 3339, for example 2026-11-22T10:00:00Z; now when left out.")
@click.option("--merchant", "merchant_id", help="Needed with an operator's key.")
@click.option("--reference", help="The merchant's own name for it.")
@click.option("--line", "lines", multiple=True, help="A part, e.g. amount=999,sku=A-1,category=shoes,quantity=2.")
@click.option(
    "--idempotency-key", help="Repeat it safely under the same key, with --occurred-at; a new one when left out."
)
@json_option
def create(
    idempotency_key: str | None,
    occurred_at: str | None,
    lines: tuple[str, ...],
    as_json: bool,  # noqa: FBT001  # click's way
    **body: str | None,
) -> None:
    """Record a purchase and print what it earned.

    Example: cashback purchase create --merchant $merchant --user $user --amount 1999
    """
    from cashback.client.api import purchases, structs
    from cashback.kernel.clock import business_clock

    # "Now" is another instant the second time: the repetition would be refused as another request under the same key.
    if idempotency_key is not None and occurred_at is None:
        raise click.UsageError("--idempotency-key goes with --occurred-at: repeated, it must say the same instant")
    bought = body_of(
        structs.PurchaseBody,
        lines=[line_of(line) for line in lines] or None,
        occurred_at=occurred_at or business_clock().now().isoformat(),
        **body,
    )
    # An empty key is refused, not replaced: it comes from a variable that nobody set, and each repeat would buy anew.
    key = new_id("req") if idempotency_key is None else idempotency_key
    answer = ask(purchases.create_purchase(bought, idempotency_key=key))
    if as_json:
        print_json(answer)
        return
    print_facts("purchase", facts(answer, but=("cashback", "lines")))
    _print_lines(answer.lines)
    print_facts("cashback", _with_tokens(answer.cashback))


@purchase.command()
@click.argument("purchase_id")
@json_option
def show(purchase_id: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Show a purchase, its cashback and how far its mint has come.

    Example: cashback purchase show pur_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import purchases

    story = ask(purchases.show_purchase(purchase_id))
    if as_json:
        print_json(story)
        return
    print_facts("purchase", facts(story, but=("cashback", "lines")))
    _print_lines(story.lines)
    print_facts("cashback", _with_tokens(story.cashback, "timeline", "mint"))
    if story.cashback.mint:
        print_facts("mint", facts(story.cashback.mint))
    print_told("timeline", story.cashback.timeline, as_json=False)


@purchase.command(short_help="Explain what a purchase earned, as a tree.")
@click.argument("purchase_id")
@json_option
def explain(purchase_id: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Explain what a purchase earned: which rules counted and which did not, limits and lines.

    Example: cashback purchase explain pur_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import cashback, purchases

    with api() as client:
        story = client.send(purchases.show_purchase(purchase_id))
        told = client.send(cashback.explain_cashback(story.cashback.id))
    if as_json:
        print_json(told)
        return
    click.echo(f"{told.text} ({told.reason})")
    for line in tree([facts(step) for step in told.steps]):
        click.echo(line)


def line_of(text: str) -> "LineBody":
    """Return a line as the API takes it from `name=value` pairs separated by commas.

    Raises:
        click.BadParameter: it is none.
    """
    from cashback.client.api.structs import LineBody

    pairs = dict(pair.partition("=")[::2] for pair in text.split(","))
    names = ("amount", "sku", "category", "quantity")
    if unknown := [name for name in pairs if name not in names]:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(names)}", param_hint="--line")
    if "amount" not in pairs:
        raise click.BadParameter("a line has its amount", param_hint="--line")
    if not pairs.get("quantity", "1").isdecimal():
        raise click.BadParameter("the quantity is a whole number", param_hint="--line")
    return LineBody(
        amount_minor=pairs["amount"],
        sku=pairs.get("sku", UNSET),
        category=pairs.get("category", UNSET),
        quantity=int(pairs["quantity"]) if "quantity" in pairs else UNSET,
    )


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--merchant", "merchant_id", help="Whose they are; when left out, a merchant named after the file.")
@click.option("--create-users", is_flag=True, help="Create the users that are not known, with their wallets.")
@json_option
def import_(file: Path, merchant_id: str | None, create_users: bool, as_json: bool) -> int:  # noqa: FBT001  # click's way
    """Record the purchases of a CSV file; running it again records nothing twice.

    Columns: reference, user (an id, or the operator's own name of the user), occurred_at, amount_minor, currency, and
    wallet for users who are created. A row that cannot be read or is refused is reported with its line and the rest
    goes on; then the exit code is 3.

    Example: cashback import purchases.csv --create-users
    """
    from cashback.processes import importing

    settings = load(importing.Settings)
    options = importing.Options(merchant_id=merchant_id, create_users=create_users)
    with Progress(f"importing {file.name}", importing.count_rows(file)) as progress:
        result = asyncio.run(importing.import_file(settings, file, options, step=progress.advance))
    if as_json:
        print_json(result)
        return EXIT_DIFFERENCE if result.refused else 0
    counts = {
        "recorded now": f"{result.recorded:,}",
        "recorded before": f"{result.replayed:,}",
        "refused": f"{result.refused:,}",
        "users created": f"{result.users_created:,}",
        "merchant": result.merchant_id,
    }
    print_facts(file.name, counts)
    decisions = [{"decision": reason, "purchases": f"{count:,}"} for reason, count in result.reasons.items()]
    if decisions:
        print_records("granted and declined", decisions, as_json=False)
    if result.problems:
        print_records("refused rows", [msgspec.structs.asdict(row) for row in result.problems], as_json=False)
    if result.refused > len(result.problems):
        say(f"{result.refused - len(result.problems):,} more rows were refused and are not listed")
    return EXIT_DIFFERENCE if result.refused else 0


def _with_tokens(cashback: "CashbackAnswer | CashbackStory", *names: str) -> dict[str, object]:
    """Return the facts of a cashback without those names, with its tokens as a person reads them."""
    in_words = f"{cashback.token_units} ({tokens(int(cashback.token_units))})"
    return {**facts(cashback, but=names), "token_units": in_words}


def _print_lines(lines: "list[LineAnswer] | UnsetType") -> None:
    """Print the lines of a purchase that came with lines, with a place for everything that any of them may have."""
    if lines is not UNSET and lines:
        print_told("lines", lines, as_json=False, shown=("amount_minor", "sku", "category", "quantity"))

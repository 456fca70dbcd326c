"""`cashback purchase` and `cashback import`: purchases from the command line, one over REST or a whole file."""

import asyncio
from pathlib import Path

import click
import msgspec

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.output import Progress, json_option, print_json, print_records, print_table, say
from cashback.kernel.config import Secret, load
from cashback.kernel.ids import new_id


class RestSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the REST API is, and with which key."""

    api_url: str
    api_key: Secret


@click.group()
def purchase() -> None:
    """Create and show purchases over the REST API.

    Example: cashback purchase show pur_01k...
    """


@purchase.command()
@click.option("--user", "user_id", required=True, help="Who bought, `usr_...`.")
@click.option("--amount", "amount_minor", required=True, help="In minor units: 1999 is 19.99 of a currency with cents.")
@click.option("--currency", default="USD", show_default=True, help="ISO 4217 code.")
@click.option("--occurred-at", help="RFC 3339, for example 2026-11-22T10:00:00Z; now when left out.")
@click.option("--merchant", "merchant_id", help="Needed with an operator's key.")
@click.option("--reference", help="The merchant's own name for it.")
@click.option("--idempotency-key", help="Repeat a command safely under the same key; a new one when left out.")
@json_option
def create(idempotency_key: str | None, occurred_at: str | None, as_json: bool, **body: str | None) -> None:  # noqa: FBT001  # click's way
    """Record a purchase and print what it earned.

    Example: cashback purchase create --user usr_01k... --merchant mer_01k... --amount 1999
    """
    from cashback.kernel.clock import SystemClock
    from cashback.processes.client import Client

    settings = load(RestSettings)
    document = {name: value for name, value in body.items() if value is not None}
    document["occurred_at"] = occurred_at or SystemClock().now().isoformat()
    with Client(settings.api_url, settings.api_key) as client:
        answer = client.post("/v1/purchases", document, idempotency_key=idempotency_key or new_id("req"))
    if as_json:
        print_json(answer)
        return
    cashback = answer["cashback"]
    print_table(f"purchase {answer['id']}", ("", ""), [(name, value) for name, value in cashback.items()])


@purchase.command()
@click.argument("purchase_id")
@json_option
def show(purchase_id: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Show a purchase, its cashback and how far its mint has come.

    Example: cashback purchase show pur_01k...
    """
    from cashback.processes.client import Client

    settings = load(RestSettings)
    with Client(settings.api_url, settings.api_key) as client:
        story = client.get(f"/v1/purchases/{purchase_id}")
    if as_json:
        print_json(story)
        return
    cashback = story.pop("cashback")
    timeline, mint = cashback.pop("timeline"), cashback.pop("mint")
    for title, facts in ((f"purchase {purchase_id}", story), ("cashback", cashback), ("mint", mint or {})):
        if facts:
            print_table(title, ("", ""), list(facts.items()))
    print_records("timeline", timeline, as_json=False)


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--merchant", "merchant_id", help="Whose they are; when left out, a merchant named after the file.")
@click.option("--create-users", is_flag=True, help="Create the users that are not known, with their wallets.")
@json_option
def import_(file: Path, merchant_id: str | None, create_users: bool, as_json: bool) -> int:  # noqa: FBT001  # click's way
    """Record the purchases of a CSV file; running it again records nothing twice.

    Columns: reference, user (the operator's reference of it), occurred_at, amount_minor, currency, and wallet for new
    users. A row that cannot be read or is refused is reported with its line and the rest goes on; then the exit code
    is 3.

    Example: cashback import purchases.csv --create-users
    """
    from cashback.processes import importing

    settings = load(importing.Settings)
    options = importing.Options(merchant_id=merchant_id, create_users=create_users)
    with Progress(f"importing {file.name}", importing.count_rows(file)) as progress:
        result = asyncio.run(importing.import_file(settings, file, options, step=progress.advance))
    if as_json:
        print_json(result)
    else:
        say(f"{result.recorded:,} recorded, {result.replayed:,} known before, {result.refused:,} refused")
        print_records("granted and declined", result.reasons_as_records(), as_json=False)
        print_records("refused rows", [msgspec.structs.asdict(row) for row in result.problems], as_json=False)
    return EXIT_DIFFERENCE if result.refused else 0

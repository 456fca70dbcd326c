"""`cashback migrate | contracts | doctor`: what is done once, and the check that it was."""

import asyncio

import click

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.output import json_option, print_facts, print_json, print_records
from cashback.kernel.config import load


@click.command()
@click.option(
    "--service",
    "services",
    multiple=True,
    type=click.Choice(["cashback", "minting", "chain"]),
    help="Only this service's database; may be repeated.",
)
@json_option
def migrate(services: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001  # click hands flags over by name
    """Create databases and roles where they are missing and bring every schema to its head; repeatable.

    Example: cashback migrate --service cashback
    """
    from cashback.processes import migrate as process

    revisions = process.migrate(load(process.Settings), services)
    rows = [{"schema": schema, "revision": revision} for schema, revision in revisions.items()]
    print_records("schemas", rows, as_json=as_json)


@click.group()
def contracts() -> None:
    """Deploy the token contracts, or check those that stand.

    Example: cashback contracts deploy
    """


@contracts.command(short_help="Deploy token and minter, or find them there.")
@json_option
def deploy(as_json: bool) -> None:  # noqa: FBT001  # click hands flags over by name
    """Deploy token and minter and hand the minter its role; what already stands is recognised and left alone.

    Example: CASHBACK_RPC_URLS=http://127.0.0.1:8545 cashback contracts deploy
    """
    from cashback.processes import contracts as process

    deployed = asyncio.run(process.deploy(load(process.Settings)))
    if as_json:
        print_json(deployed)
        return
    print_facts(
        "now deployed" if deployed.is_new else "deployed before",
        {"CASHBACK_TOKEN_ADDRESS": deployed.token, "CASHBACK_MINTER_ADDRESS": deployed.minter},
    )


@click.command()
@json_option
def doctor(as_json: bool) -> int:  # noqa: FBT001  # as above
    """Ask every dependency once and say what is wrong; exits with 3 when something is.

    Example: cashback doctor
    """
    from cashback.processes import doctor as process

    examined = asyncio.run(process.examine(load(process.Settings)))
    rows = [{"what": each.what, "state": "ok" if each.is_well else "WRONG", "detail": each.detail} for each in examined]
    print_records("examined", rows, as_json=as_json)
    return 0 if all(each.is_well for each in examined) else EXIT_DIFFERENCE

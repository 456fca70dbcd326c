"""`cashback migrate | contracts | keys | doctor`: what is done once, and the check that it was."""

import asyncio
from typing import Any

import click
import msgspec

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.output import json_option, print_facts, print_json, print_records, say
from cashback.kernel.config import Dsn, Secret, load


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


class KeySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where API keys are kept and under which pepper."""

    api_dsn: Dsn
    api_key_pepper: Secret


@click.group()
def keys() -> None:
    """Create, list and revoke API keys.

    Example: cashback keys create --operator --label "the operations team"
    """


@keys.command()
@click.option("--operator", is_flag=True, help="A key that reaches everything.")
@click.option("--merchant", "merchant_id", help="A key that reaches this merchant's data only.")
@click.option("--label", required=True, help="Whose key it is, for people.")
@json_option
def create(operator: bool, merchant_id: str | None, label: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Create a key and print its secret, which cannot be shown again.

    Example: cashback keys create --merchant mer_01k9z3v6q8e2r9xw5t4c7m1n0p --label "web shop"
    """
    if operator == (merchant_id is not None):
        raise click.UsageError("name exactly one of --operator and --merchant")
    made = asyncio.run(_with_keys(_create, merchant_id, label))
    if as_json:
        print_json(made)
    else:
        print_facts("a new key; its secret is not kept", made)


@keys.command()
@click.argument("key_id")
@json_option
def revoke(key_id: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Revoke a key; within seconds it opens nothing.

    Example: cashback keys revoke key_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    key = asyncio.run(_with_keys(_revoke, key_id))
    if as_json:
        print_json(key)
    else:
        say(f"{key['id']} ({key['label']}) is revoked since {key['revoked_at']:%Y-%m-%d %H:%M:%S} UTC")


@keys.command("list")
@json_option
def list_keys(as_json: bool) -> None:  # noqa: FBT001  # as above
    """List all keys, without their secrets.

    Example: cashback keys list
    """
    print_records("API keys", asyncio.run(_with_keys(_list)), as_json=as_json)


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


async def _with_keys(act: Any, *arguments: Any) -> Any:  # noqa: ANN401  # hands through whatever `act` takes and returns
    """Run `act` on the keys of the configured database."""
    from cashback.kernel.clock import SystemClock
    from cashback.kernel.db import Database
    from cashback.purchases.service import ApiKeys

    settings = load(KeySettings)
    async with Database.open(settings.api_dsn.value, name="cashback keys", connections_max=1) as database:
        return await act(ApiKeys(database, clock=SystemClock(), pepper=settings.api_key_pepper), *arguments)


async def _create(keys: Any, merchant_id: str | None, label: str) -> dict[str, object]:  # noqa: ANN401  # imported late
    """Create a key for the operator, or for a merchant when one is named."""
    from cashback.kernel.principal import Scope

    scope = Scope.OPERATOR if merchant_id is None else Scope.MERCHANT
    key, secret = await keys.create(scope=scope, merchant_id=merchant_id, label=label)
    return {"id": key.id, "scope": key.scope, "label": key.label, "secret": secret.value}


async def _revoke(keys: Any, key_id: str) -> dict[str, Any]:  # noqa: ANN401  # imported late
    """Revoke a key and return it as a record."""
    return msgspec.structs.asdict(await keys.revoke(key_id))


async def _list(keys: Any) -> list[dict[str, object]]:  # noqa: ANN401  # imported late
    """Return every key as a record."""
    return [msgspec.structs.asdict(key) for key in await keys.list_keys()]

"""`cashback keys`: API keys past the API, for the first one of all, and for when nobody has one any more."""

import asyncio
from datetime import datetime
from typing import Any

import click
import msgspec

from cashback.cli.instants import instant
from cashback.cli.output import json_option, print_facts, print_json, print_records, say
from cashback.kernel.config import Dsn, Secret, load


class KeySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where API keys are kept and under which pepper."""

    api_dsn: Dsn
    api_key_pepper: Secret


@click.group()
def keys() -> None:
    """Create, list, rotate and revoke API keys.

    Example: cashback keys create --operator --label "the operations team"
    """


@keys.command()
@click.option("--operator", is_flag=True, help="A key that reaches everything.")
@click.option("--merchant", "merchant_id", help="A key that reaches this merchant's data only.")
@click.option("--label", required=True, help="Whose key it is, for people.")
@click.option("--scope", "scopes", multiple=True, help="What it is made for, such as purchases:write; may be repeated.")
@click.option("--expires-at", "end", help="An instant of RFC 3339 from which on it opens nothing.")
@click.option("--rate-per-s", type=click.IntRange(1, 1_000_000), help="How often it may ask in the long run.")
@click.option("--burst", type=click.IntRange(2, 10_000_000), help="How often at once; twice that without it.")
@json_option
def create(  # click hands options over by name
    operator: bool,  # noqa: FBT001  # as above
    merchant_id: str | None,
    label: str,
    scopes: tuple[str, ...],
    end: str | None,
    rate_per_s: int | None,
    burst: int | None,
    as_json: bool,  # noqa: FBT001  # as above
) -> None:
    """Create a key and print its secret, which cannot be shown again.

    Without scopes it does all that its kind may, and as often without a rate.

    Example: cashback keys create --merchant mer_01k9z3v6q8e2r9xw5t4c7m1n0p --label "web shop" --scope purchases:write
    """
    if operator == (merchant_id is not None):
        raise click.UsageError("name exactly one of --operator and --merchant")
    if burst is not None and rate_per_s is None:
        raise click.UsageError("--burst goes with --rate-per-s")
    expires_at = None if end is None else instant(end, "--expires-at")
    rate = None if rate_per_s is None else (rate_per_s, burst or min(2 * rate_per_s, 10_000_000))
    made = asyncio.run(_with_keys(_create, merchant_id, label, scopes, expires_at, rate))
    _print_new(made, "a new key; its secret is not kept", as_json=as_json)


@keys.command()
@click.argument("key_id")
@click.option(
    "--overlap-s",
    type=click.IntRange(0, 604_800),
    default=86_400,
    show_default=True,
    help="For how long the key that is replaced goes on.",
)
@click.option("--expires-at", "end", help="When the new key ends; as the old one without it.")
@json_option
def rotate(key_id: str, overlap_s: int, end: str | None, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Replace a key by one with the same rights, and print its secret.

    The one that is replaced goes on for a while.

    Example: cashback keys rotate key_01k9z3v6q8e2r9xw5t4c7m1n0p --overlap-s 3600
    """
    expires_at = None if end is None else instant(end, "--expires-at")
    made = asyncio.run(_with_keys(_rotate, key_id, overlap_s, expires_at))
    _print_new(made, f"a new key in the place of {key_id}; its secret is not kept", as_json=as_json)


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
    found = asyncio.run(_with_keys(_list))
    if not as_json:
        found = [{**key, "scopes": _as_words(key["scopes"])} for key in found]
    print_records("API keys", found, as_json=as_json)


def _print_new(made: dict[str, Any], title: str, *, as_json: bool) -> None:
    """Print a new key with its secret."""
    if as_json:
        print_json(made)
    else:
        shown = {**made, "scopes": _as_words(made["scopes"])}
        print_facts(title, {name: value for name, value in shown.items() if value is not None})


def _as_words(scopes: tuple[str, ...] | None) -> str | None:
    """Return scopes as a person reads them."""
    return None if scopes is None else " ".join(scopes)


async def _with_keys(act: Any, *arguments: Any) -> Any:  # noqa: ANN401  # hands through whatever `act` takes and returns
    """Run `act` on the keys of the configured database."""
    from cashback.kernel.clock import SystemClock
    from cashback.kernel.db import Database
    from cashback.purchases.service import ApiKeys

    settings = load(KeySettings)
    async with Database.open(settings.api_dsn.value, name="cashback keys", connections_max=1) as database:
        return await act(ApiKeys(database, clock=SystemClock(), pepper=settings.api_key_pepper), *arguments)


async def _create(
    keys: Any,  # noqa: ANN401  # imported late
    merchant_id: str | None,
    label: str,
    scopes: tuple[str, ...],
    expires_at: datetime | None,
    rate: tuple[int, int] | None,
) -> dict[str, Any]:
    """Create a key for the operator, or for a merchant when one is named."""
    from cashback.kernel.principal import Rate, Scope

    key, secret = await keys.create(
        scope=Scope.OPERATOR if merchant_id is None else Scope.MERCHANT,
        merchant_id=merchant_id,
        label=label,
        scopes=scopes or None,
        expires_at=expires_at,
        rate=None if rate is None else Rate(*rate),
    )
    return _new(key, secret)


async def _rotate(
    keys: Any,  # noqa: ANN401  # imported late
    key_id: str,
    overlap_s: int,
    expires_at: datetime | None,
) -> dict[str, Any]:
    """Replace a key."""
    return _new(*await keys.rotate(key_id, overlap_s=overlap_s, expires_at=expires_at))


async def _revoke(keys: Any, key_id: str) -> dict[str, Any]:  # noqa: ANN401  # imported late
    """Revoke a key and return it as a record."""
    return _record(await keys.revoke(key_id))


async def _list(keys: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # imported late
    """Return every key as a record."""
    return [_record(key) for key in await keys.list_keys()]


def _new(key: Any, secret: Any) -> dict[str, Any]:  # noqa: ANN401  # imported late
    """Return a new key with its secret as a record."""
    record = _record(key)
    shown = ("id", "kind", "label", "scopes", "expires_at", "rate_per_s", "burst", "replaces")
    return {**{name: record[name] for name in shown}, "secret": secret.value}


def _record(key: Any) -> dict[str, Any]:  # noqa: ANN401  # imported late
    """Return a key as a record in the words of REST, with how often it may ask; empty is as its kind may."""
    told = msgspec.structs.asdict(key)
    rate = told.pop("rate")
    record = {"kind" if name == "scope" else name: value for name, value in told.items()}
    return {**record, "rate_per_s": rate and rate.per_s, "burst": rate and rate.burst}

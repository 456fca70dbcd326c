"""`cashback dev`: the whole system on this machine, on embedded servers, for as long as one wants."""

import math
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cashback.cli import settings_file
from cashback.cli.ending import Ending
from cashback.cli.output import print_commands, print_facts, say
from cashback.cli.staying import stay
from cashback.kernel.clock import monotonic_s

if TYPE_CHECKING:
    from cashback.processes.demo import Prepared
    from cashback.processes.stack import Stack

_BLOCK_TIME_S: Final = 1.0
_LIFTING: Final = {
    "cashback chain status": "who halted it and why, and what else needs a person",
    'cashback chain recover --reason "why"': "only after reorganised_below_final: the records follow the chain",
    'cashback chain resume --reason "why"': "lift every halt",
}


def _a_number(context: click.Context, option: click.Parameter, value: float) -> float:
    """Return what is a number: nan is within every range, for no comparison with it holds."""
    if math.isnan(value):
        raise click.BadParameter("nan is no number of seconds", context, option)
    return value


def _a_folder(_: click.Context, __: click.Parameter, value: str | None) -> Path | None:
    """Return what names a folder: the empty text, of a variable that is not set, would be the present one."""
    if value is None:
        return None
    if not value:
        from cashback.processes.stack import FolderUnusable

        raise FolderUnusable("'' names no folder; name an empty or a new --folder")
    return Path(value)


@click.command()
@click.option(
    "--folder",
    metavar="PATH",
    callback=_a_folder,
    help="Keep all data, passwords and API keys here instead of in a temporary folder.",
)
@click.option(
    "--block-time",
    "block_time_s",
    type=click.FloatRange(0.1, 60),
    callback=_a_number,
    default=_BLOCK_TIME_S,
    show_default=True,
    help="Seconds between blocks.",
)
def dev(folder: Path | None, block_time_s: float) -> None:
    """Start the whole system on this machine and keep it up until Ctrl-C.

    Prints where everything is and what to try next, and writes a file of settings for another terminal.

    Example: cashback dev --folder build/dev
    """
    from cashback.cli.local import whole_system
    from cashback.processes.demo import prepare

    begun_s = monotonic_s()
    with (
        Ending.awaited() as ending,
        whole_system(ending, folder=folder, block_time_s=block_time_s, furnished=_keep_settings) as stack,
    ):
        prepared = ending.run(prepare(stack.url, stack.operator_key))
        settings = _settings_file(stack)
        click.echo()
        print_facts(f"cashback is up after {monotonic_s() - begun_s:.1f} s", _places(stack, settings))
        click.echo()
        print_facts("how each process is", _health(stack))
        click.echo()
        problems = _tell_problems(stack)
        print_commands("try next, in another terminal", _commands(settings, prepared))
        click.echo()
        say("press Ctrl-C to stop")
        stay(stack, ending, again_by=again(folder, block_time_s), told_of=problems)
    kept = "the folder keeps its data, and goes on with" if folder else "its data are gone; another one starts with"
    say(f"everything is stopped; {kept} {again(folder, block_time_s)}")


def again(folder: Path | None, block_time_s: float) -> str:
    """Return how a person starts this system once more, with the data that it has where they are kept.

    >>> again(Path("build/dev"), 1.0)
    '`cashback dev --folder build/dev`'
    """
    words = ["cashback", "dev"]
    if folder is not None:
        words += ["--folder", str(folder)]
    if block_time_s != _BLOCK_TIME_S:
        words += ["--block-time", f"{block_time_s:g}"]
    command = f"`{shlex.join(words)}`"
    return command if folder is not None else f"{command}, which begins anew: without --folder no data are kept"


def _places(stack: "Stack", settings: Path) -> Mapping[str, object]:
    """Return where everything is."""
    from cashback.processes.stack import DEVELOPMENT_MNEMONIC

    return {
        "REST API": f"{stack.url}/v1",
        "reference": f"{stack.url}/docs",
        "OpenAPI": f"{stack.url}/openapi/openapi.json",
        "operator key": stack.operator_key,
        "adapter, gRPC": stack.operator_settings()["CASHBACK_ADAPTER_ADDRESS"],
        "chain RPC": stack.anvil.url,
        "token": stack.token_address,
        "minter": stack.minter_address,
        "chain keys": f'mnemonic "{DEVELOPMENT_MNEMONIC}":',
        "": "account 0 deploys, 1 mints, 2 may pause",
        "PostgreSQL": f"127.0.0.1:{stack.postgres.port}, databases cashback, minting, chain",
        "NATS": f"127.0.0.1:{stack.nats.port}, monitoring {stack.nats.monitoring_url}",
        "settings": settings,
        "logs": (stack.folder / "logs").resolve(),
    }


def _health(stack: "Stack") -> Mapping[str, object]:
    """Return where each process says how it is, the API where it is called and its metrics at its probe."""
    from cashback.processes.embedded import HOST

    ports = stack.plan.ports
    return {
        name: f"{process.url}/readyz  http://{HOST}:{ports.probes[name]}/metrics"
        for name, process in stack.processes.items()
    }


def _commands(settings: Path, prepared: "Prepared") -> Mapping[str, str]:
    """Return what to try, each command with what it shows."""
    from cashback.processes.demo import SAMPLE_FILE

    return {
        f"set -a; . {shlex.quote(str(settings))}; set +a": "the settings that all below needs, again after each start",
        "cashback doctor": "every dependency, asked once",
        "cashback purchase create --amount 1999 \\\n"
        f"    --merchant {prepared.merchant_id} \\\n"
        f"    --user {prepared.user_id}": "a purchase of 19.99, and what it earns",
        f"cashback purchase show {prepared.purchase_id}": "one purchase, and how far its mint has come",
        f'curl -s "$CASHBACK_API_URL/v1/users/{prepared.user_id}/balance" \\\n'
        '    -H "Authorization: Bearer $CASHBACK_API_KEY"': "the ledger's balance beside the chain's",
        f"cashback import {shlex.quote(str(SAMPLE_FILE))} --create-users": "6,919 real purchases",
        "cashback mint list": "what became of each mint",
        "cashback replay --dry-run": "how many events a replay would deliver again",
        "cashback reconcile": "ledger, mint records and chain agree at a final block",
    }


def _tell_problems(stack: "Stack") -> Mapping[str, Mapping[str, str]]:
    """Print and return what keeps processes from being ready, and how a halt is lifted; nothing when all are ready."""
    problems = stack.problems()
    if not problems:
        return problems
    told = {f"{name}, {check}": text for name, found in problems.items() for check, text in found.items()}
    print_facts("not ready, and needs a person", told)
    click.echo()
    if any("minting" in found for found in problems.values()):
        print_commands("to let minting go on, in another terminal with the settings below", _LIFTING)
        click.echo()
    return problems


def _settings_file(stack: "Stack") -> Path:
    """Return where the settings for another terminal are."""
    return (stack.folder / settings_file.NAME).resolve()


def _keep_settings(stack: "Stack") -> None:
    """Write the settings before the processes are up: whoever has to help one up needs them."""
    settings_file.write(_settings_file(stack), stack.operator_settings(), _shell_commands(stack))


def _shell_commands(stack: "Stack") -> Mapping[str, str]:
    """Return what the settings are for, where no PATH leads: this command, and SQL to a database as the superuser."""
    from cashback.processes.embedded import HOST, SUPERUSER, postgres_program

    psql, password = (shlex.quote(str(path)) for path in (postgres_program("psql"), stack.postgres.password_file))
    return {
        "cashback": f"{shlex.quote(sys.executable)} -P -m cashback",
        "cashback_sql": f'PGPASSWORD="$(cat {password})" {psql}'
        f" --host={HOST} --port={stack.postgres.port} --username={SUPERUSER}",
    }

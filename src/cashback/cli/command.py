"""The root of the command line: the table of verbs, and what every failure exits with.

| exit code | meaning                                                                     |
|-----------|-----------------------------------------------------------------------------|
| 0         | done                                                                        |
| 1         | something unforeseen failed, the traceback or the log says where; or        |
|           | whoever read the output left before its end                                 |
| 2         | the command line is wrong                                                   |
| 3         | a check found a difference (`reconcile`, `demo`, `doctor`, `chain status`,  |
|           | `chain recover`, `ledger verify | trial-balance | recompute`, `decisions    |
|           | replay`, `streams diff | apply`, `webhook reseal`) or errors (`ruleset      |
|           | lint`), or an import refused rows; each is listed                           |
| 4         | the request was rejected; change it                                         |
| 5         | a database, broker, node or service did not answer; try again               |
| 6         | settings are missing or wrong; all of them are listed                       |
| 130       | interrupted: Ctrl-C, or SIGTERM where a verb had something to put away      |

A process that serves (`api`, `relay`, `worker`, `adapter`) ends with 0 after SIGTERM or Ctrl-C, and so does `dev` once
it was up: that is how they are meant to end.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import metadata
from typing import Final

import click

from cashback.cli.settings_file import next_step
from cashback.kernel.config import SettingsInvalid, environment
from cashback.kernel.errors import Rejected, Unavailable
from cashback.kernel.telemetry import configure

EXIT_UNFORESEEN: Final = 1
EXIT_DIFFERENCE: Final = 3
EXIT_REJECTED: Final = 4
EXIT_UNAVAILABLE: Final = 5
EXIT_SETTINGS: Final = 6
EXIT_INTERRUPTED: Final = 130

_UNFIT: Final = frozenset({"42P01", "42703", "3F000", "42501"})
"""No such table, column or schema, or no right to it: what a database says that is another's, or not migrated."""
_UNFIT_HOW_TO: Final = (
    "is the CASHBACK_*_DSN that of this service and role, and is the database migrated? `cashback doctor` says which"
    " is not, `cashback migrate` brings it there"
)

VERBS: Final[dict[str, tuple[str, str]]] = {
    "api": ("cashback.cli.run:api", "Serve the REST API."),
    "relay": ("cashback.cli.run:relay", "Publish a service's outbox to the broker."),
    "worker": ("cashback.cli.run:worker", "Run a worker: `mint`, `ledger` or `webhooks`."),
    "adapter": ("cashback.cli.run:adapter", "Serve the blockchain adapter over gRPC."),
    "migrate": ("cashback.cli.setup:migrate", "Create databases and roles, bring schemas to their heads."),
    "contracts": ("cashback.cli.setup:contracts", "Deploy the token contracts, or check those that stand."),
    "keys": ("cashback.cli.keys:keys", "Create, list, rotate and revoke API keys."),
    "doctor": ("cashback.cli.setup:doctor", "Check settings and every dependency of this machine."),
    "dev": ("cashback.cli.dev:dev", "Start the whole system here, on embedded servers."),
    "clock": ("cashback.cli.clock:clock", "Show the business time of a `cashback dev`, and move it."),
    "demo": ("cashback.cli.demo:demo", "Push real purchases through the whole system and prove the result."),
    "purchase": ("cashback.cli.purchases:purchase", "Create, list and show purchases over the REST API."),
    "refund": ("cashback.cli.refunds:refund", "Return purchases, list and show refunds, over the REST API."),
    "debts": ("cashback.cli.refunds:debts", "Show what users owe for returned purchases, and give it up."),
    "adjustment": ("cashback.cli.adjustments:adjustment", "Give or take back cashback by hand, with a reason."),
    "import": ("cashback.cli.purchases:import_", "Record the purchases of a CSV file."),
    "review": ("cashback.cli.life:review", "List what waits for a person's verdict, and say it."),
    "expiring": ("cashback.cli.life:expiring", "List what expires soon for want of a wallet."),
    "programme": ("cashback.cli.programmes:programme", "Start, list, show, pause, resume and end programmes."),
    "campaign": ("cashback.cli.campaigns:campaign", "Create campaigns, raise, lower and foretell their budgets."),
    "rates": ("cashback.cli.rates:rates", "Put, list and import exchange rates."),
    "merchant": ("cashback.cli.people:merchant", "Create, list and deactivate merchants, set what rules ask."),
    "user": ("cashback.cli.people:user", "Create, list and block users, link wallets, set their tier."),
    "ruleset": ("cashback.cli.rulesets:ruleset", "Draft, lint, compare and publish the rules that decide."),
    "mint": ("cashback.cli.mints:mint", "List mints and their state, show one, cancel it or try it again."),
    "chain": ("cashback.cli.chain:chain", "Show how the chain side stands; halt minting, and let it go on."),
    "streams": ("cashback.cli.streams:streams", "Compare the broker's streams with their declaration, apply it."),
    "webhook": ("cashback.cli.webhooks:webhook", "Make endpoints that hear of events, and deliver again."),
    "events": ("cashback.cli.event_log:events", "List what happened, and show an event with its data."),
    "dlq": ("cashback.cli.dlq:dlq", "List, show, replay and discard dead letters."),
    "replay": ("cashback.cli.events:replay", "Deliver stored events again; consumers apply each once."),
    "ledger": ("cashback.cli.ledger:ledger", "Check the books against their evidence, and prove lines of them."),
    "decisions": ("cashback.cli.decisions:decisions", "Decide everything anew and compare with what was stored."),
    "reconcile": ("cashback.cli.reconcile:reconcile", "Compare ledger, mint records and chain at a final block."),
}


class Verbs(click.Group):
    """The root group; it loads a verb's module only when that verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the table."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one verb's command, importing it now."""
        del ctx
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name][0].partition(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb that a command line begins with; of none, name those that are written nearly so.

        Raises:
            UsageError: there is no such verb.
        """
        name = args[0]
        if name in VERBS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        # The framework would look for near ones among those it has loaded, and none is.
        near = " or ".join(repr(each) for each in get_close_matches(name, VERBS))
        raise click.UsageError(f"No such command {name!r}.{f' Did you mean {near}?' if near else ''}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of verbs without importing any of them."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


def _tell_version(context: click.Context, option: click.Parameter, value: bool) -> None:  # noqa: FBT001  # click's way
    """Print the installed release and leave, when asked to."""
    del option
    if value and not context.resilient_parsing:
        try:
            click.echo(f"cashback {metadata.version('cashback')}")
        except metadata.PackageNotFoundError:
            click.echo("cashback, of a folder that is not installed")
        context.exit()


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_tell_version, help="Show the release."
)
def root() -> None:
    """Turn purchases into tokens in the customer's own wallet.

    Settings come from CASHBACK_* variables; `cashback dev` prints a file of them to load.

    Example: cashback demo
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; what its caller can mend becomes one line on standard error.

    Anything else is raised, for the interpreter to show and to exit with 1.
    """
    # A verb says what failed in a sentence of its own, at its end; a process that serves sets its own level.
    configure(process="cashback", level="error")
    try:
        _check_texts(arguments)
        code = root.main(list(arguments), prog_name="cashback", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still in the buffer would fail once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_UNFORESEEN
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("cashback: interrupted", err=True)
        return EXIT_INTERRUPTED
    except (Rejected, Unavailable) as error:
        notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
        click.echo(f"cashback: {error.code}: {error.detail}{notes}{next_step(error, environment())}", err=True)
        return _exit_code(error)
    except Exception as error:
        # psycopg's own kinds would have to be imported, also by verbs that want no database.
        if getattr(error, "sqlstate", None) not in _UNFIT:
            raise
        words = str(error).strip().splitlines()[0]
        click.echo(f"cashback: database_unfit: {words}; {_UNFIT_HOW_TO}", err=True)
        return EXIT_SETTINGS
    return code if isinstance(code, int) else 0


def _check_texts(arguments: Sequence[str]) -> None:
    """Return when every argument can be sent, stored and printed; bytes that are no UTF-8 come as lone surrogates.

    Raises:
        UsageError: one cannot.
    """
    for place, argument in enumerate(arguments, 1):
        if "\0" in argument or any("\ud800" <= character <= "\udfff" for character in argument):
            raise click.UsageError(f"argument {place} is no text in UTF-8")


def _exit_code(error: Rejected | Unavailable) -> int:
    """Return the exit code of a failure that its receiver can do something about."""
    match error:
        case SettingsInvalid():
            return EXIT_SETTINGS
        case Unavailable():
            return EXIT_UNAVAILABLE
        case Rejected():
            return EXIT_REJECTED

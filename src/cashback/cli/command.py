"""The root of the command line: the table of verbs, and what every failure exits with.

| exit code | meaning                                                                     |
|-----------|-----------------------------------------------------------------------------|
| 0         | done                                                                        |
| 1         | something unforeseen failed; the traceback says where                       |
| 2         | the command line is wrong                                                   |
| 3         | a check found a difference (`reconcile`, `demo`, `doctor`)                  |
| 4         | the request was rejected; change it                                         |
| 5         | a database, broker, node or service did not answer; try again               |
| 6         | settings are missing or wrong; all of them are listed                       |
| 130       | interrupted                                                                 |
"""

import importlib
import sys
from collections.abc import Sequence
from typing import Final

import click

from cashback.kernel.config import SettingsInvalid
from cashback.kernel.errors import Broken, CashbackError, Unavailable
from cashback.kernel.telemetry import configure

EXIT_DIFFERENCE: Final = 3
EXIT_REJECTED: Final = 4
EXIT_UNAVAILABLE: Final = 5
EXIT_SETTINGS: Final = 6
EXIT_INTERRUPTED: Final = 130

VERBS: Final[dict[str, tuple[str, str]]] = {
    "api": ("cashback.cli.run:api", "Serve the REST API."),
    "relay": ("cashback.cli.run:relay", "Publish a service's outbox to the broker."),
    "worker": ("cashback.cli.run:worker", "Run a worker: `mint` or `ledger`."),
    "adapter": ("cashback.cli.run:adapter", "Serve the blockchain adapter over gRPC."),
    "migrate": ("cashback.cli.setup:migrate", "Create databases and roles, bring schemas to their heads."),
    "contracts": ("cashback.cli.setup:contracts", "Deploy or check the token contracts."),
    "keys": ("cashback.cli.setup:keys", "Create and revoke API keys."),
    "doctor": ("cashback.cli.setup:doctor", "Check settings and every dependency of this machine."),
    "dev": ("cashback.cli.dev:dev", "Start the whole system here, on embedded servers."),
    "demo": ("cashback.cli.demo:demo", "Push real purchases through the whole system and prove the result."),
    "purchase": ("cashback.cli.purchases:purchase", "Create and show purchases over the REST API."),
    "import": ("cashback.cli.purchases:import_", "Record the purchases of a CSV file."),
    "mint": ("cashback.cli.mints:mint", "List mints and their state."),
    "dlq": ("cashback.cli.events:dlq", "List, show and replay dead letters."),
    "replay": ("cashback.cli.events:replay", "Deliver stored events again; consumers apply each once."),
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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of verbs without importing any of them."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="cashback")
def root() -> None:
    """Turn purchases into tokens in the customer's own wallet.

    Settings come from CASHBACK_* variables; `cashback dev` prints a file of them to load.

    Example: cashback demo
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; failures become one line on standard error."""
    configure(process="cashback", level="warning")
    try:
        code = root.main(list(arguments), prog_name="cashback", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except CashbackError as error:
        click.echo(f"cashback: {error.code}: {error.detail}", err=True)
        return _exit_code(error)
    return code if isinstance(code, int) else 0


def _exit_code(error: CashbackError) -> int:
    """Return the exit code of one of our failures."""
    match error:
        case SettingsInvalid():
            return EXIT_SETTINGS
        case Unavailable():
            return EXIT_UNAVAILABLE
        case Broken():
            return EXIT_DIFFERENCE
        case _:
            return EXIT_REJECTED


def is_interactive() -> bool:
    """Tell whether a person looks at standard error, so that a progress bar makes sense."""
    return sys.stderr.isatty()

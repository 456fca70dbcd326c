"""`cashback ledger ...`: the books' evidence for an auditor and for a stranger, and what they say of a user."""

import asyncio
import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.instants import instant
from cashback.cli.journals import recomputations, seals
from cashback.cli.output import Progress, json_option, print_facts, print_json, print_records, print_table, say
from cashback.kernel.config import load
from cashback.kernel.money import INT63_MAX

if TYPE_CHECKING:
    from cashback.ledger import CheckedCashback, Flaw
    from cashback.processes.anchored import Chain
    from cashback.processes.evidence import ProofChecked

CASHBACKS_MAX: Final = 100
"""Most cashbacks that one `verify` checks one by one."""


@click.group()
def ledger() -> None:
    """Check the books against their evidence, and prove lines of them.

    Example: cashback ledger verify
    """


ledger.add_command(seals)
ledger.add_command(recomputations)


@ledger.command(short_help="Recompute the books' evidence, of some cashbacks only, or check a proof.")
@click.argument("cashback_ids", nargs=-1, metavar="[CASHBACK_ID]...")
@click.option(
    "--from-seal",
    type=click.IntRange(1, INT63_MAX),
    default=1,
    show_default=True,
    help="Take what is before it for true.",
)
@click.option("--proof", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Check this file instead.")
@click.option("--rpc-url", help="A node of your choice: each root must stand on its chain.")
@click.option("--minter", help="The minter contract whose events count; needed with --rpc-url.")
@click.option(
    "--from-block", type=click.IntRange(0, INT63_MAX), default=0, show_default=True, help="Where its events begin."
)
@json_option
def verify(  # click hands options over by name
    *,
    cashback_ids: tuple[str, ...],
    from_seal: int,
    proof: Path | None,
    as_json: bool,
    rpc_url: str | None,
    minter: str | None,
    from_block: int,
) -> int:
    """Recompute the books' evidence from the rows, or check a proof; exits with 3 at the first difference.

    With ids, at most 100, only the lines of these cashbacks are checked, with everything under the same seals, up to
    the first anchor. A proof is checked without a database and without settings.

    Example: cashback ledger verify --from-seal 100
    """
    from cashback.processes import evidence as process

    chain = _chain(rpc_url, minter, from_block)
    if cashback_ids and (proof is not None or from_seal != 1):
        raise click.UsageError("name cashbacks, or --proof, or --from-seal")
    if len(cashback_ids) > CASHBACKS_MAX:
        raise click.UsageError(f"name at most {CASHBACKS_MAX} cashbacks")
    if proof is not None:
        checked = asyncio.run(process.verify_proof(proof.read_bytes(), chain=chain))
        return _show_proof(checked, is_asked=chain is not None, as_json=as_json)
    if cashback_ids:
        checks = asyncio.run(process.verify_cashbacks(load(process.Settings), cashback_ids, chain=chain))
        return _show_cashbacks(checks, as_json=as_json)
    settings = load(process.Settings)
    with Progress("recomputing leaves, chain and roots", None) as progress:
        found = asyncio.run(process.verify(settings, from_seal=from_seal, chain=chain, reached=progress.reach))
    if as_json:
        print_json(found)
    else:
        facts = msgspec.structs.asdict(found)
        flaw = facts.pop("flaw")
        shown = {name.replace("_", " "): f"{value:,}" for name, value in facts.items()}
        if chain is None:
            shown["anchors"] = "not asked for on the chain: --rpc-url and --minter do"
        print_facts("the books' evidence", shown)
        _show_flaw(flaw)
    return EXIT_DIFFERENCE if found.flaw else 0


@ledger.command(short_help="Print the proof of a cashback's lines, or of one.")
@click.argument("cashback_id")
@click.option(
    "--line", "position", type=click.IntRange(1, INT63_MAX), help="Only the line at this position of the statement."
)
def prove(*, cashback_id: str, position: int | None) -> None:
    """Print the proof of every statement line of a cashback, or of one: anybody checks it with `verify --proof`.

    A statement tells the position of each line (`cashback ledger statement --format json`).

    Example: cashback ledger prove cb_01k9z3v6q8e2r9xw5t4c7m1n0p --line 42
    """
    from cashback.processes import evidence as process

    print_json(asyncio.run(process.prove(load(process.Settings), cashback_id, position=position)))


@ledger.command(short_help="Print a user's statement of a period.")
@click.argument("user_id")
@click.option("--from", "since", required=True, help="RFC 3339: what was written down from then on.")
@click.option("--to", "until", required=True, help="RFC 3339: and before then.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="For people, for programs, or for a spreadsheet.",
)
def statement(*, user_id: str, since: str, until: str, format_: str) -> None:
    """Print what moved for a user, with the balance after each line, at most 100,000 lines; money and tokens apart.

    Example: cashback ledger statement usr_01k9z3v6q8e2r9xw5t4c7m1n0p --from 2026-11-01T00:00Z --to 2026-12-01T00:00Z
    """
    from cashback.processes import statements as process

    period = (instant(since, "--from"), instant(until, "--to"))
    settings = load(process.Settings)
    if format_ == "csv":
        asyncio.run(process.print_csv(settings, user_id, *period, write=lambda text: click.echo(text, nl=False)))
        return
    told = asyncio.run(process.whole(settings, user_id, *period))
    if format_ == "json":
        print_json(told)
        return
    for title, figures, lines in (("money", told.money, told.money_lines), ("tokens", told.tokens, told.token_lines)):
        print_records(
            f"{title}: opening and closing balances", [msgspec.structs.asdict(each) for each in figures], as_json=False
        )
        columns = ("at", "text", "currency", "exponent", "change", "balance", "cashback_id", "adjusted_because")
        rows = [{name: getattr(line, name) for name in columns} for line in lines]
        print_records(f"{title}: lines", rows, as_json=False)


@ledger.command(short_help="Print what a user had at an instant.")
@click.argument("user_id")
@click.option("--known-at", help="RFC 3339: as it was written down by then.")
@click.option("--effective-at", help="RFC 3339: as it had taken effect by then.")
@json_option
def balance(*, user_id: str, known_at: str | None, effective_at: str | None, as_json: bool) -> None:
    """Print what a user had at an instant of the past, by exactly one of the two times.

    Example: cashback ledger balance usr_01k9z3v6q8e2r9xw5t4c7m1n0p --known-at 2026-11-01T00:00:00Z
    """
    from cashback.processes import statements as process

    known = None if known_at is None else instant(known_at, "--known-at")
    effective = None if effective_at is None else instant(effective_at, "--effective-at")
    told = asyncio.run(process.balance_at(load(process.Settings), user_id, known_at=known, effective_at=effective))
    if as_json:
        print_json(told)
        return
    facts = {
        "by what was": told.basis,
        "at": told.at,
        "first movement": told.first_at,
        "is before it": told.is_before_first,
    }
    print_facts(f"balances of {user_id}", facts)
    rows = [
        {"currency": each.currency, "exponent": each.exponent, **msgspec.structs.asdict(holding)}
        for each in (*told.money, *told.tokens)
        for holding in each.accounts
    ]
    print_records("accounts", rows, as_json=False)


@ledger.command("trial-balance", short_help="Add all accounts up: debits equal credits.")
@click.option("--at", help="RFC 3339: as known at this instant, computed from all transfers.")
@json_option
def trial_balance(*, at: str | None, as_json: bool) -> int:
    """Add all accounts up by currency and kind; exits with 3 when debits and credits differ.

    Example: cashback ledger trial-balance --at 2026-11-01T00:00Z
    """
    from cashback.processes import statements as process

    asked = None if at is None else instant(at, "--at")
    told = asyncio.run(process.trial_balance_of(load(process.Settings), at=asked))
    if as_json:
        print_json(told)
    else:
        rows = [
            {"currency": each.currency, "exponent": each.exponent, **msgspec.structs.asdict(kind)}
            for each in told.currencies
            for kind in each.kinds
        ]
        print_records("trial balance", rows, as_json=False)
        for each in told.currencies:
            verdict = "balanced" if each.is_balanced else "OUT OF BALANCE"
            say(f"{each.currency}: debit {each.debit}, credit {each.credit}, {verdict}")
    return 0 if told.is_balanced else EXIT_DIFFERENCE


@ledger.command(short_help="Compute every balance anew from the transfers.")
@json_option
def recompute(*, as_json: bool) -> int:
    """Compute every balance anew from the transfers, compare, and record it; exits with 3 when one differs.

    Example: cashback ledger recompute
    """
    from cashback.processes import recomputing as process

    settings = load(process.Settings)
    with Progress("computing every balance from its transfers", None) as progress:
        told = asyncio.run(process.recompute(settings, by=getpass.getuser(), reached=progress.reach))
    if as_json:
        print_json(told)
    else:
        print_facts("every balance, computed anew", msgspec.structs.asdict(told))
    return EXIT_DIFFERENCE if told.differences else 0


def _chain(rpc_url: str | None, minter: str | None, from_block: int) -> "Chain | None":
    """Return the chain to be asked, None when nobody is.

    Raises:
        UsageError: a node without a contract, or the other way round.
    """
    from cashback.processes.anchored import Chain

    if (rpc_url is None) != (minter is None):
        raise click.UsageError("--rpc-url and --minter go together")
    return None if rpc_url is None or minter is None else Chain(rpc_url=rpc_url, minter=minter, from_block=from_block)


def _show_cashbacks(checks: "Sequence[CheckedCashback]", *, as_json: bool) -> int:
    """Print what the check of each cashback found, and return the exit code."""
    if as_json:
        rows = []
        for each in checks:
            shown = [
                {"root": anchor.root.hex(), "up_to": anchor.up_to, **msgspec.structs.asdict(anchor.standing)}
                for anchor in each.anchors
            ]
            rows.append({**msgspec.structs.asdict(each), "anchors": shown})
        print_json({"cashbacks": rows})
    else:
        columns = ("cashback_id", "lines", "waiting", "seals", "anchors", "difference")
        print_table("lines against their evidence", columns, [_row(each) for each in checks])
        for each in checks:
            _show_flaw(each.flaw)
    return EXIT_DIFFERENCE if any(each.flaw for each in checks) else 0


def _row(checked: "CheckedCashback") -> list[str]:
    """Return a check as a line of a table."""
    states = ", ".join(anchor.standing.state for anchor in checked.anchors)
    fault = "none" if checked.flaw is None else checked.flaw.fault.value
    return [checked.cashback_id, str(checked.lines), str(checked.waiting), str(checked.seals), states or "none", fault]


def _show_proof(checked: "ProofChecked", *, is_asked: bool, as_json: bool) -> int:
    """Print what a proof proves, and return the exit code."""
    proved = checked.proved
    if as_json:
        print_json(checked)
        return EXIT_DIFFERENCE if checked.flaw else 0
    columns = ("position", "at", "cause", "amount", "currency")
    rows = [[line[name] for name in columns] for line in proved.lines]
    print_table(f"proved of {proved.cashback_id}", columns, rows)
    anchors = [msgspec.structs.asdict(anchor) for anchor in proved.anchors]
    print_records("what it comes down to", anchors, as_json=False)
    if not is_asked:
        say("nobody was asked whether these roots stand on the chain: give --rpc-url and --minter")
    _show_flaw(checked.flaw)
    return EXIT_DIFFERENCE if checked.flaw else 0


def _show_flaw(flaw: "Flaw | None") -> None:
    """Print the first difference, or that there is none."""
    if flaw is None:
        say("no difference")
    else:
        print_facts("the first difference", msgspec.structs.asdict(flaw))

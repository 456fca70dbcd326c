"""`cashback programme`: the terms under which cashback is granted, in each currency."""

import click

from cashback.cli.api import ask, body_of, idempotency_option, limit_option, print_answer, print_page
from cashback.cli.life import pause, resume
from cashback.cli.output import json_option


@click.group()
def programme() -> None:
    """Start, list, show, pause, resume and end programmes.

    Example: cashback programme show prg_01k9z3v6q8e2r9xw5t4c7m1n0p
    """


programme.add_command(pause)
programme.add_command(resume)


@programme.command(short_help="Start a programme.")
@click.argument("name")
@click.option("--currency", required=True, help="ISO 4217 code of what it is funded in.")
@click.option("--rate-bps", type=click.IntRange(1, 9_999), help="Start with this share of everything, in 1/100 %.")
@click.option("--budget", "budget_minor", help="The budget of that, in minor units; goes with --rate-bps.")
@click.option("--token-rate", default="1/1", show_default=True, help="Tokens for a unit of money, as a ratio.")
@click.option("--time-zone", default="UTC", show_default=True, help="Whose days and months count.")
@click.option("--hold-days", type=click.IntRange(0, 365), default=0, show_default=True, help="Days before approval.")
@click.option(
    "--refund-policy",
    type=click.Choice(["net_future", "write_off"]),
    default="net_future",
    show_default=True,
    help="What becomes of the debt of a refund after the mint.",
)
@click.option("--expire-after-days", type=click.IntRange(1, 3_650), help="How long a grant waits for a wallet.")
@click.option("--write-off-after-days", type=click.IntRange(1, 3_650), help="How long a debt is open.")
@click.option("--review-above", "review_above_minor", help="A person reviews larger grants, in minor units.")
@click.option("--second-above", "second_above_minor", help="Two people review what is larger, in minor units.")
@click.option("--users-per-wallet", type=click.IntRange(1, 1_000), help="How many may share a wallet; one.")
@click.option("--accepts", multiple=True, help="Another currency that it takes purchases in; may be repeated.")
@idempotency_option
@json_option
def create(token_rate: str, accepts: tuple[str, ...], key: str, as_json: bool, **terms: object) -> None:  # noqa: FBT001  # click's way
    """Start a programme: with a rate and a budget at once, without both empty.

    Example: cashback programme create "Spring" --currency EUR --rate-bps 150 --budget 1000000 --hold-days 14
    """
    from cashback.client.api import programmes, structs

    numerator, _, denominator = token_rate.partition("/")
    if not (numerator.isdecimal() and denominator.isdecimal()):
        raise click.BadParameter("a ratio is two whole numbers, for example 3/2", param_hint="--token-rate")
    body = body_of(
        structs.ProgrammeBody,
        token_rate_numerator=int(numerator),
        token_rate_denominator=int(denominator),
        accepts=list(accepts),
        **terms,
    )
    print_answer("programme", ask(programmes.create_programme(body, idempotency_key=key)), as_json=as_json)


@programme.command("list", short_help="List all programmes, the oldest first.")
@limit_option
@json_option
def list_programmes(limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List all programmes, the oldest first, those that have ended included.

    Example: cashback programme list
    """
    from cashback.client.api import programmes

    shown = ("id", "name", "currency", "budget_minor", "budget_left_minor", "created_at", "ended_at")
    print_page("programmes", programmes.list_programmes(limit=limit), limit=limit, as_json=as_json, shown=shown)


@programme.command(short_help="List when it was paused and resumed.")
@click.argument("programme_id")
@limit_option
@json_option
def pauses(programme_id: str, limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List when a programme was paused and resumed, by whom and why, the last time first.

    Example: cashback programme pauses prg_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import programmes

    print_page("pauses", programmes.list_pauses(programme_id, limit=limit), limit=limit, as_json=as_json)


@programme.command()
@click.argument("programme_id")
@json_option
def show(programme_id: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show a programme with its terms and what is left of its budgets.

    Example: cashback programme show prg_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import programmes

    print_answer("programme", ask(programmes.show_one_programme(programme_id)), as_json=as_json)


@programme.command()
@click.argument("programme_id")
@click.option("--reason", required=True, help="Why; it is kept with the programme.")
@idempotency_option
@json_option
def end(programme_id: str, reason: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """End a programme: it takes no purchases from now on.

    Example: cashback programme end prg_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "the next one starts"
    """
    from cashback.client.api import programmes, structs

    call = programmes.end_programme(programme_id, structs.ReasonBody(reason=reason), idempotency_key=key)
    print_answer("ended", ask(call), as_json=as_json)

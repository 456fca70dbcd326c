"""`cashback review | expiring | programme`: what people decide between a grant and its mint, over the REST API."""

from typing import TYPE_CHECKING, Literal

import click

from cashback.cli.api import ask, facts, say_whether_more
from cashback.cli.chain import by_option
from cashback.cli.output import json_option, print_json, print_records, say, say_state, tokens
from cashback.kernel.ids import new_id

if TYPE_CHECKING:
    from cashback.client import Call
    from cashback.client.api.structs import ExpiringStory, PauseAnswer, ReviewStory

_REASON = click.option("--reason", required=True, help="Why; it is kept.")
_LIMIT = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200))


@click.group()
def review() -> None:
    """List what waits for a person's verdict, and say it.

    Example: cashback review list
    """


@review.command("list")
@_LIMIT
@json_option
def list_reviews(limit: int, as_json: bool) -> None:  # noqa: FBT001  # click hands flags over by name
    """List cashback in review, oldest first, with what was said of it.

    Example: cashback review list --json
    """
    from cashback.client.api import cashback

    page = ask(cashback.list_reviews(limit=limit))
    rows = [facts(one) if as_json else _in_tokens(one) | {"reviews": _said(one)} for one in page.items]
    print_records("in review", rows, as_json=as_json)
    say_whether_more(page.next_cursor, limit=limit)


@review.command(short_help="Say that a cashback may be paid.")
@click.argument("cashback_id")
@_REASON
@by_option
@json_option
def approve(cashback_id: str, reason: str, by: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Say that a cashback in review may be paid; above the programme's second amount another person must as well.

    Example: cashback review approve cb_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "seen the invoice"
    """
    _say(cashback_id, "approve", reason, by, as_json=as_json)


@review.command(short_help="Say that a cashback is void.")
@click.argument("cashback_id")
@_REASON
@by_option
@json_option
def reject(cashback_id: str, reason: str, by: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Say that a cashback in review is void: its money goes back to the budgets. One person is enough.

    Example: cashback review reject cb_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "bought from themselves"
    """
    _say(cashback_id, "reject", reason, by, as_json=as_json)


@click.command()
@click.option("--within", "days", default=14, show_default=True, type=click.IntRange(0, 3_650), help="In days.")
@_LIMIT
@json_option
def expiring(days: int, limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List approved cashback that expires soon unless a wallet is linked, soonest first.

    Example: cashback expiring --within 30
    """
    from cashback.client.api import cashback

    found = ask(cashback.list_expiring(within_days=days, limit=limit))
    print_records("expiring", [facts(one) if as_json else _in_tokens(one) for one in found.items], as_json=as_json)


@click.command(short_help="Grant, release and request nothing of it.")
@click.argument("programme_id")
@_REASON
@by_option
@json_option
def pause(programme_id: str, reason: str, by: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Grant, release, expire and request nothing of a programme until it is resumed; what was requested goes on.

    Example: cashback programme pause prg_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "a wrong rate"
    """
    from cashback.client.api import programmes, structs

    body = structs.OrderBody(person=by, reason=reason)
    _set(programmes.pause_programme(programme_id, body, idempotency_key=new_id("req")), as_json=as_json)


@click.command(short_help="Let it go on where it was paused.")
@click.argument("programme_id")
@_REASON
@by_option
@json_option
def resume(programme_id: str, reason: str, by: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Let a paused programme go on: what became due meanwhile is done within seconds.

    Example: cashback programme resume prg_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "the rate is right"
    """
    from cashback.client.api import programmes, structs

    body = structs.OrderBody(person=by, reason=reason)
    _set(programmes.resume_programme(programme_id, body, idempotency_key=new_id("req")), as_json=as_json)


def _say(cashback_id: str, verdict: Literal["approve", "reject"], reason: str, by: str, *, as_json: bool) -> None:
    """Say a verdict and tell what it came to."""
    from cashback.client.api import cashback, structs

    body = structs.ReviewBody(verdict=verdict, person=by, reason=reason)
    told = ask(cashback.review_cashback(cashback_id, body, idempotency_key=new_id("req")))
    if as_json:
        print_json(told)
    elif told.is_decided:
        say(f"{cashback_id}: {verdict} by {by}; the ledger does it within seconds")
    else:
        say(f"{cashback_id}: {told.approvals} of {told.approvals_needed} approvals; another person must approve")


def _set(call: "Call[PauseAnswer]", *, as_json: bool) -> None:
    """Pause or resume a programme and tell how it stands."""
    told = ask(call)
    if as_json:
        print_json(told)
        return
    say_state(facts(told), told.programme_id, "paused" if told.is_paused else "in force")


def _in_tokens(story: "ReviewStory | ExpiringStory") -> dict[str, object]:
    """Return a cashback as a row that tells tokens as people read them, in the last place."""
    return facts(story, but=("token_units",)) | {"tokens": tokens(int(story.token_units))}


def _said(story: "ReviewStory") -> str:
    """Return what people said of a cashback."""
    return "; ".join(f"{one.person}: {one.verdict}, {one.reason}" for one in story.reviews)

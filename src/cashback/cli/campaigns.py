"""`cashback campaign`: who pays, out of which budget, and what became of it."""

from typing import TYPE_CHECKING

import click

from cashback.cli.api import ask, body_of, facts, idempotency_option, limit_option, print_answer, print_page
from cashback.cli.output import json_option, print_facts, print_json, print_records, say

if TYPE_CHECKING:
    from cashback.client import Call
    from cashback.client.api.structs import CampaignAnswer

reason_option = click.option("--reason", required=True, help="Why; it is kept.")


@click.group()
def campaign() -> None:
    """Create campaigns, raise and lower their budgets, see what became of them.

    Example: cashback campaign budget cmp_01k9z3v6q8e2r9xw5t4c7m1n0p
    """


@campaign.command(short_help="Create a campaign with its budget.")
@click.argument("name")
@click.option("--programme", "programme_id", required=True, help="Whose campaign it is, `prg_...`.")
@click.option("--budget", "budget_minor", required=True, help="All that it ever grants, in minor units.")
@click.option("--start", "starts_at", help="RFC 3339 with an offset; at once when left out.")
@click.option("--end", "ends_at", help="RFC 3339 with an offset; open when left out.")
@click.option("--day-limit", "day_limit_minor", help="The most that it grants a day, in minor units.")
@click.option(
    "--on-exhaustion",
    type=click.Choice(["partial_fill", "decline", "waitlist"]),
    default="partial_fill",
    show_default=True,
    help="What becomes of a purchase that the budget does not cover.",
)
@click.option(
    "--stripes",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Over how many accounts the budget is split, 1 to 64.",
)
@idempotency_option
@json_option
def create(key: str, as_json: bool, **terms: object) -> None:  # noqa: FBT001  # click's way
    """Create a campaign that rulesets may name.

    Example: cashback campaign create "Summer" --programme prg_01k9z3v6q8e2r9xw5t4c7m1n0p --budget 1000000
    """
    from cashback.client.api import campaigns, structs

    body = body_of(structs.CampaignBody, **terms)
    _order(campaigns.create_campaign(body, idempotency_key=key), title="campaign", as_json=as_json)


@campaign.command("top-up", short_help="Raise a budget.")
@click.argument("campaign_id")
@click.argument("amount_minor")
@reason_option
@idempotency_option
@json_option
def top_up(campaign_id: str, amount_minor: str, reason: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Raise a budget by so many minor units.

    Example: cashback campaign top-up cmp_01k9z3v6q8e2r9xw5t4c7m1n0p 500000 --reason "a good week"
    """
    from cashback.client.api import campaigns, structs

    body = structs.BudgetBody(amount_minor=amount_minor, reason=reason)
    _order(campaigns.top_up_campaign(campaign_id, body, idempotency_key=key), title="raised", as_json=as_json)


@campaign.command(short_help="Lower a budget.")
@click.argument("campaign_id")
@click.argument("amount_minor")
@reason_option
@idempotency_option
@json_option
def withdraw(campaign_id: str, amount_minor: str, reason: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Lower a budget by so many minor units, at most by what is left.

    Example: cashback campaign withdraw cmp_01k9z3v6q8e2r9xw5t4c7m1n0p 500000 --reason "moved to the next one"
    """
    from cashback.client.api import campaigns, structs

    body = structs.BudgetBody(amount_minor=amount_minor, reason=reason)
    _order(campaigns.withdraw_from_campaign(campaign_id, body, idempotency_key=key), title="lowered", as_json=as_json)


@campaign.command(short_help="Close a campaign.")
@click.argument("campaign_id")
@reason_option
@idempotency_option
@json_option
def close(campaign_id: str, reason: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Close a campaign: no further ruleset may name it; what is left can be withdrawn.

    Example: cashback campaign close cmp_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "summer is over"
    """
    from cashback.client.api import campaigns, structs

    body = structs.ReasonBody(reason=reason)
    _order(campaigns.close_campaign(campaign_id, body, idempotency_key=key), title="closed", as_json=as_json)


@campaign.command(short_help="Even out the stripes of a budget.")
@click.argument("campaign_id")
@reason_option
@idempotency_option
@json_option
def rebalance(campaign_id: str, reason: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Split what is left of a budget evenly over its stripes.

    Example: cashback campaign rebalance cmp_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "one shop buys from one stripe"
    """
    from cashback.client.api import campaigns, structs

    body = structs.ReasonBody(reason=reason)
    _order(campaigns.rebalance_campaign(campaign_id, body, idempotency_key=key), title="evened out", as_json=as_json)


@campaign.command("list", short_help="List a programme's campaigns.")
@click.argument("programme_id")
@limit_option
@json_option
def list_campaigns(programme_id: str, limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List the campaigns of a programme, the oldest first.

    Example: cashback campaign list prg_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import campaigns

    shown = ("id", "name", "currency", "budget_minor", "budget_left_minor", "starts_at", "ends_at", "closed_at")
    call = campaigns.list_campaigns(programme_id, limit=limit)
    print_page("campaigns", call, limit=limit, as_json=as_json, shown=shown)


@campaign.command(short_help="List who waits for its budget.")
@click.argument("campaign_id")
@limit_option
@json_option
def waitlist(campaign_id: str, limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List the cashbacks that wait for a campaign's budget, in their order.

    Example: cashback campaign waitlist cmp_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import campaigns

    print_page("waiting", campaigns.list_waiting(campaign_id, limit=limit), limit=limit, as_json=as_json)


@campaign.command()
@click.argument("campaign_id")
@json_option
def show(campaign_id: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show a campaign with its terms.

    Example: cashback campaign show cmp_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import campaigns

    print_answer("campaign", ask(campaigns.show_campaign(campaign_id)), as_json=as_json)


@campaign.command(short_help="Show what became of a budget, and when it ends.")
@click.argument("campaign_id")
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="Days of history, 1 to 366.")
@json_option
def budget(campaign_id: str, days: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show what is left, reserved and spent, the last days, and the day on which the budget ends if that goes on.

    Example: cashback campaign budget cmp_01k9z3v6q8e2r9xw5t4c7m1n0p --days 90
    """
    from cashback.client.api import campaigns

    story = ask(campaigns.show_budget(campaign_id, days=days))
    if as_json:
        print_json(story)
        return
    print_facts("budget", facts(story, but=("days", "forecast")))
    print_records("days", [facts(day) for day in story.days], as_json=False)
    if story.forecast is None:
        say("no forecast: nothing was spent on the days before today, or what is left lasts for more than ten years")
    else:
        print_facts("it ends", facts(story.forecast))


def _order(call: "Call[CampaignAnswer]", *, title: str, as_json: bool) -> None:
    """Have something done once, and print the answer."""
    print_answer(title, ask(call), as_json=as_json)

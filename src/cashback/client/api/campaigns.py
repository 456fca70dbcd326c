"""Campaigns, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from cashback.client.api import structs
from cashback.client.calls import Call, headers, path, query


def create_campaign(body: structs.CampaignBody, *, idempotency_key: str) -> Call[structs.CampaignAnswer]:
    """Create a campaign with its budget.

    Create a campaign that rulesets may name; its budget is in the books from now on.
    """
    return Call(
        method="POST",
        path="/v1/campaigns",
        answer=structs.CampaignAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def top_up_campaign(
    campaign_id: str, body: structs.BudgetBody, *, idempotency_key: str
) -> Call[structs.CampaignAnswer]:
    """Raise a campaign's budget.

    Put so much more into the budget, and keep why.
    """
    return Call(
        method="POST",
        path=path("/v1/campaigns/{campaign_id}/top-up", campaign_id=campaign_id),
        answer=structs.CampaignAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def withdraw_from_campaign(
    campaign_id: str, body: structs.BudgetBody, *, idempotency_key: str
) -> Call[structs.CampaignAnswer]:
    """Lower a campaign's budget.

    Take so much out of what is left; what was promised or spent stays.
    """
    return Call(
        method="POST",
        path=path("/v1/campaigns/{campaign_id}/withdraw", campaign_id=campaign_id),
        answer=structs.CampaignAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def close_campaign(campaign_id: str, body: structs.ReasonBody, *, idempotency_key: str) -> Call[structs.CampaignAnswer]:
    """Close a campaign.

    Have no further ruleset name it; what is left of its budget can be withdrawn.
    """
    return Call(
        method="POST",
        path=path("/v1/campaigns/{campaign_id}/close", campaign_id=campaign_id),
        answer=structs.CampaignAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def rebalance_campaign(
    campaign_id: str, body: structs.ReasonBody, *, idempotency_key: str
) -> Call[structs.CampaignAnswer]:
    """Even out the stripes of a campaign's budget.

    Split what is left evenly over the accounts of the budget; the sum stays as it is.
    """
    return Call(
        method="POST",
        path=path("/v1/campaigns/{campaign_id}/rebalance", campaign_id=campaign_id),
        answer=structs.CampaignAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def show_campaign(campaign_id: str, *, if_none_match: str | None = None) -> Call[structs.CampaignAnswer]:
    """One campaign.

    Return a campaign and what is left of its budget.
    """
    return Call(
        method="GET",
        path=path("/v1/campaigns/{campaign_id}", campaign_id=campaign_id),
        answer=structs.CampaignAnswer,
        headers=headers(("If-None-Match", if_none_match)),
    )


def show_budget(campaign_id: str, *, days: int | None = None) -> Call[structs.BudgetStory]:
    """What became of a campaign's budget, and when it ends.

    Return what is left, reserved and spent, the last days, and the day on which the budget ends if that goes on.
    """
    return Call(
        method="GET",
        path=path("/v1/campaigns/{campaign_id}/budget", campaign_id=campaign_id),
        answer=structs.BudgetStory,
        query=query(("days", days)),
    )


def list_campaigns(
    programme_id: str, *, is_open: bool | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[structs.CampaignPage]:
    """A programme's campaigns, the oldest first.

    Return one page, closed ones included unless told otherwise; with its programme each of them ends.
    """
    return Call(
        method="GET",
        path=path("/v1/programmes/{programme_id}/campaigns", programme_id=programme_id),
        answer=structs.CampaignPage,
        query=query(("is_open", is_open), ("limit", limit), ("cursor", cursor)),
    )


def list_waiting(campaign_id: str, *, limit: int | None = None, cursor: str | None = None) -> Call[structs.WaitingPage]:
    """Cashbacks that wait for a campaign's budget, in their order.

    Return one page of the line: who is first is decided again first, once the budget covers it.
    """
    return Call(
        method="GET",
        path=path("/v1/campaigns/{campaign_id}/waitlist", campaign_id=campaign_id),
        answer=structs.WaitingPage,
        query=query(("limit", limit), ("cursor", cursor)),
    )

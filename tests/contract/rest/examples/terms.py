"""The terms under which purchases earn: campaigns, rulesets from the first draft on, rates; who waits for budget."""

from typing import Any, Final

from tests.contract.rest.examples.stage import BOUGHT, DAY, Stage, later


def document(campaign: str, *, rate_bps: int) -> dict[str, Any]:
    """Return a ruleset of one rule."""
    return {"rules": [{"id": "base", "campaign": campaign, "earns": {"kind": "percent", "rate_bps": rate_bps}}]}


async def campaigns(stage: Stage) -> None:
    """Create a campaign, raise and lower its budget, and close it."""
    body = {"programme_id": stage.ids["programme"], "name": "Spring", "budget_minor": "50000", "stripes": 2}
    made = await stage.op("createCampaign", {**body, "ends_at": later(90), "day_limit_minor": "1000"})
    stage.ids["spring"] = id_ = made["id"]
    await stage.op("topUpCampaign", {"amount_minor": "10000", "reason": "It went well"}, campaign_id=id_)
    await stage.op("withdrawFromCampaign", {"amount_minor": "5000", "reason": "Too much of it"}, campaign_id=id_)
    await stage.op("rebalanceCampaign", {"reason": "One stripe is empty"}, campaign_id=id_)
    await stage.op("showCampaign", campaign_id=id_)
    await stage.op("showBudget", campaign_id=stage.ids["base"], days=2)


async def rulesets(stage: Stage) -> None:
    """Draft a ruleset, change it, look at it from all sides, publish it, and take it back before it is in force."""
    ids = stage.ids
    programme, base = ids["programme"], ids["base"]
    draft = await stage.op(
        "createDraft", {"programme_id": programme, "name": "Summer", "document": document(base, rate_bps=200)}
    )
    ids["draft"] = id_ = draft["id"]
    await stage.op("changeDraft", {"document": document(base, rate_bps=300)}, draft_id=id_, **{"If-Match": '"1"'})
    await stage.op("showDraft", draft_id=id_)
    await stage.op("lintDraft", draft_id=id_)
    await stage.op("listDrafts", programme_id=programme)
    [first] = (await stage.op("listRulesets", programme_id=programme))["items"]
    await stage.op("diffRulesets", before=first["id"], after=id_)
    tried = {"ruleset": id_, "merchant_id": ids["shop"], "amount_minor": "12990", "user_tier": "gold"}
    await stage.op("simulateRuleset", {**tried, **BOUGHT})
    await stage.op("backtestRuleset", {"since": DAY["from"], "until": DAY["to"], "largest": 2}, ruleset_id=first["id"])
    version = await stage.op("publishDraft", {"starts_at": later(30)}, draft_id=id_, **{"If-Match": '"2"'})
    ids["version"] = version["id"]
    await stage.op("showRuleset", ruleset_id=version["id"])
    await stage.op("showRulesetInForce", programme_id=programme, at=later(31))
    await stage.op("withdrawRuleset", {"reason": "The summer is over"}, ruleset_id=version["id"])
    body = {"programme_id": programme, "name": "Autumn", "document": document(base, rate_bps=100)}
    other = await stage.op("createDraft", body)
    await stage.op("discardDraft", {"reason": "Nobody wants it"}, draft_id=other["id"])


async def rates(stage: Stage) -> None:
    """Put a rate, and ask which is in force."""
    pair = {"base": "EUR", "quote": "USD"}
    body = {**pair, "numerator": 11, "denominator": 10, "source": "ECB", "as_of": "2026-02-28T15:00:00Z"}
    await stage.op("putRate", body)
    await stage.op("showRate", **pair, at="2026-03-01T12:00:00Z")
    await stage.op("listRates", **pair)


async def waiting(stage: Stage) -> None:
    """Have a purchase wait for the budget of another programme, which ends."""
    started = await stage.op("createProgramme", {"name": "Euro", "currency": "EUR"})
    body = {"programme_id": started["id"], "name": "Bonus", "budget_minor": "100", "on_exhaustion": "waitlist"}
    campaign = (await stage.op("createCampaign", body))["id"]
    rules = document(campaign, rate_bps=1_000)
    draft = await stage.op("createDraft", {"programme_id": started["id"], "name": "Bonus", "document": rules})
    await stage.op("publishDraft", {}, draft_id=draft["id"], **{"If-Match": '"1"'})
    await stage.shop(
        "createPurchase", {"user_id": stage.ids["anna"], "amount_minor": "9900", **BOUGHT, "currency": "EUR"}
    )
    await stage.op("listWaiting", campaign_id=campaign)
    await stage.op("closeCampaign", {"reason": "It is over"}, campaign_id=stage.ids["spring"])
    await stage.op("endProgramme", {"reason": "It was for a quarter"}, programme_id=started["id"])


ACTS: Final = (campaigns, rulesets, rates, waiting)
"""In this order, behind those of the story."""

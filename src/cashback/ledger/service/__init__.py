"""The ledger's use cases: accrue, request, settle, sweep, read, prove."""

from cashback.ledger.service.accruals import accrue, announce, link_wallets
from cashback.ledger.service.budgets import reserve
from cashback.ledger.service.campaigns import change_budget, close_campaign, create_campaign, rebalance_campaign
from cashback.ledger.service.drafting import change_draft, discard_draft, draft_ruleset
from cashback.ledger.service.fencing import Fencing
from cashback.ledger.service.limits import MintLimit
from cashback.ledger.service.programmes import end_programme, programme_answer, start_programme
from cashback.ledger.service.publishing import publish_draft, withdraw_ruleset
from cashback.ledger.service.rates import RateReadings, put_rate
from cashback.ledger.service.reading_campaigns import CampaignReadings
from cashback.ledger.service.reading_rulesets import RulesetReadings
from cashback.ledger.service.readings import Readings, explanation_of
from cashback.ledger.service.recovery import Recovery
from cashback.ledger.service.requests import MintPolicy, request_mints
from cashback.ledger.service.retirements import Retirements
from cashback.ledger.service.settlement import settle
from cashback.ledger.service.stories import Stories
from cashback.ledger.service.sweep import Sweeper, Swept

__all__ = [
    "CampaignReadings",
    "Fencing",
    "MintLimit",
    "MintPolicy",
    "RateReadings",
    "Readings",
    "Recovery",
    "Retirements",
    "RulesetReadings",
    "Stories",
    "Sweeper",
    "Swept",
    "accrue",
    "announce",
    "change_budget",
    "change_draft",
    "close_campaign",
    "create_campaign",
    "discard_draft",
    "draft_ruleset",
    "end_programme",
    "explanation_of",
    "link_wallets",
    "programme_answer",
    "publish_draft",
    "put_rate",
    "rebalance_campaign",
    "request_mints",
    "reserve",
    "settle",
    "start_programme",
    "withdraw_ruleset",
]

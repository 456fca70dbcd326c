"""The ledger's use cases: accrue, request, settle, sweep, read, prove."""

from cashback.ledger.service.accruals import accrue, announce, link_wallets
from cashback.ledger.service.drafting import change_draft, discard_draft, draft_ruleset
from cashback.ledger.service.fencing import Fencing
from cashback.ledger.service.limits import MintLimit
from cashback.ledger.service.programmes import programme_answer, start_programme
from cashback.ledger.service.publishing import publish_draft, withdraw_ruleset
from cashback.ledger.service.reading_rulesets import RulesetReadings
from cashback.ledger.service.readings import Readings, explanation_of
from cashback.ledger.service.recovery import Recovery
from cashback.ledger.service.requests import MintPolicy, request_mints
from cashback.ledger.service.retirements import Retirements
from cashback.ledger.service.settlement import settle
from cashback.ledger.service.stories import Stories
from cashback.ledger.service.sweep import Sweeper, Swept

__all__ = [
    "Fencing",
    "MintLimit",
    "MintPolicy",
    "Readings",
    "Recovery",
    "Retirements",
    "RulesetReadings",
    "Stories",
    "Sweeper",
    "Swept",
    "accrue",
    "announce",
    "change_draft",
    "discard_draft",
    "draft_ruleset",
    "explanation_of",
    "link_wallets",
    "programme_answer",
    "publish_draft",
    "request_mints",
    "settle",
    "start_programme",
    "withdraw_ruleset",
]

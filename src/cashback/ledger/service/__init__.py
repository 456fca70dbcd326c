"""The ledger's use cases: accrue, request, settle, sweep, read, prove."""

from cashback.ledger.service.accruals import accrue, announce
from cashback.ledger.service.adjustments import (
    Adjusted,
    AdjustmentReadings,
    announce_adjusted,
    credit,
    debit,
    hold_cashback,
)
from cashback.ledger.service.anchoring import Anchorer, AnchorPolicy
from cashback.ledger.service.audits import Audits
from cashback.ledger.service.backtesting import Backtests
from cashback.ledger.service.campaigns import change_budget, close_campaign, create_campaign, rebalance_campaign
from cashback.ledger.service.checking import Checker
from cashback.ledger.service.checking_cashbacks import CashbackChecker
from cashback.ledger.service.debts import (
    DebtorStory,
    Debts,
    DebtStory,
    UserDebtStory,
    WriteOffs,
    WriteOffStory,
    write_off,
)
from cashback.ledger.service.drafting import change_draft, discard_draft, draft_ruleset
from cashback.ledger.service.fencing import Fencing
from cashback.ledger.service.leased import Fence, Leased
from cashback.ledger.service.life import Life, LifePolicy, Lived
from cashback.ledger.service.limits import MintLimit
from cashback.ledger.service.listing import CashbackLists, few_purchases
from cashback.ledger.service.mint_stories import MintStories
from cashback.ledger.service.programmes import end_programme, programme_answer, start_programme
from cashback.ledger.service.proving import Prover
from cashback.ledger.service.published import PublishedRulesets
from cashback.ledger.service.publishing import publish_draft, withdraw_ruleset
from cashback.ledger.service.rates import RateReadings, put_rate
from cashback.ledger.service.reading_campaigns import CampaignReadings
from cashback.ledger.service.reading_rulesets import RulesetReadings
from cashback.ledger.service.readings import Readings, explanation_of
from cashback.ledger.service.recipients import hold_requests, hold_wallets, link_wallets, unlink_wallet
from cashback.ledger.service.reconciliations import Reconciliations
from cashback.ledger.service.recovery import Recovery
from cashback.ledger.service.replaying import Replays
from cashback.ledger.service.requests import MintPolicy, request_mints
from cashback.ledger.service.retelling import (
    retell_adjustment,
    retell_campaign,
    retell_cashbacks,
    retell_draft,
    retell_programme,
    retell_rate,
    retell_version,
)
from cashback.ledger.service.retirements import Retirements
from cashback.ledger.service.reversals import Returnable, announce_returned, lock_returned, take_back
from cashback.ledger.service.reviews import Queues, say, set_pause
from cashback.ledger.service.sealing import Sealer, SealPolicy
from cashback.ledger.service.settlement import settle
from cashback.ledger.service.signatures import Signatures
from cashback.ledger.service.simulating import Simulations
from cashback.ledger.service.statements import Statements
from cashback.ledger.service.stories import Stories
from cashback.ledger.service.sweep import Sweeper, Swept
from cashback.ledger.service.trial import Recomputer, trial_balance
from cashback.ledger.service.waitlist import Waitlist

__all__ = [
    "Adjusted",
    "AdjustmentReadings",
    "AnchorPolicy",
    "Anchorer",
    "Audits",
    "Backtests",
    "CampaignReadings",
    "CashbackChecker",
    "CashbackLists",
    "Checker",
    "DebtStory",
    "DebtorStory",
    "Debts",
    "Fence",
    "Fencing",
    "Leased",
    "Life",
    "LifePolicy",
    "Lived",
    "MintLimit",
    "MintPolicy",
    "MintStories",
    "Prover",
    "PublishedRulesets",
    "Queues",
    "RateReadings",
    "Readings",
    "Recomputer",
    "Reconciliations",
    "Recovery",
    "Replays",
    "Retirements",
    "Returnable",
    "RulesetReadings",
    "SealPolicy",
    "Sealer",
    "Signatures",
    "Simulations",
    "Statements",
    "Stories",
    "Sweeper",
    "Swept",
    "UserDebtStory",
    "Waitlist",
    "WriteOffStory",
    "WriteOffs",
    "accrue",
    "announce",
    "announce_adjusted",
    "announce_returned",
    "change_budget",
    "change_draft",
    "close_campaign",
    "create_campaign",
    "credit",
    "debit",
    "discard_draft",
    "draft_ruleset",
    "end_programme",
    "explanation_of",
    "few_purchases",
    "hold_cashback",
    "hold_requests",
    "hold_wallets",
    "link_wallets",
    "lock_returned",
    "programme_answer",
    "publish_draft",
    "put_rate",
    "rebalance_campaign",
    "request_mints",
    "retell_adjustment",
    "retell_campaign",
    "retell_cashbacks",
    "retell_draft",
    "retell_programme",
    "retell_rate",
    "retell_version",
    "say",
    "set_pause",
    "settle",
    "start_programme",
    "take_back",
    "trial_balance",
    "unlink_wallet",
    "withdraw_ruleset",
    "write_off",
]

"""The use cases of purchases: record them, know who they are of, know who is calling."""

from cashback.purchases.service.adjustments import Adjustments
from cashback.purchases.service.api_keys import ApiKeys
from cashback.purchases.service.audit import AuditLog
from cashback.purchases.service.bulk import Bulks
from cashback.purchases.service.campaigns import Campaigns
from cashback.purchases.service.committer import Limits
from cashback.purchases.service.cooling import CoolDown
from cashback.purchases.service.directory import Directory
from cashback.purchases.service.editing import Edits
from cashback.purchases.service.erasing import Erasing, ErasureAnswer
from cashback.purchases.service.exporting import Exports, UserExport
from cashback.purchases.service.facts import Facts
from cashback.purchases.service.forgetting import AnswerForgetter
from cashback.purchases.service.key_orders import KeyOrders
from cashback.purchases.service.listing import CashbackFilter, Lists, PurchaseItem, State
from cashback.purchases.service.orders import Orders
from cashback.purchases.service.ownership import Ownership
from cashback.purchases.service.people import People
from cashback.purchases.service.programmes import ProgrammeAnswer, Programmes
from cashback.purchases.service.purchases import Purchases
from cashback.purchases.service.rates import Rates
from cashback.purchases.service.rebuilding import REBUILDERS, Rebuilder, one_by_one
from cashback.purchases.service.refunds import Refunds
from cashback.purchases.service.rulesets import Rulesets
from cashback.purchases.service.standing import ActivityAnswer, ActivityItem, BlockAnswer, BlockItem, Standings
from cashback.purchases.service.statements import BalanceAt, Statement, UserStatements
from cashback.purchases.service.stories import BalanceStory, CashbackItem, PurchaseStories, PurchaseStory, UserStories
from cashback.purchases.service.verdicts import CashbackUnknown, PauseAnswer, ProgrammeUnknown, ReviewAnswer, Verdicts
from cashback.purchases.service.write_offs import DebtWriteOffs

__all__ = [
    "REBUILDERS",
    "ActivityAnswer",
    "ActivityItem",
    "Adjustments",
    "AnswerForgetter",
    "ApiKeys",
    "AuditLog",
    "BalanceAt",
    "BalanceStory",
    "BlockAnswer",
    "BlockItem",
    "Bulks",
    "Campaigns",
    "CashbackFilter",
    "CashbackItem",
    "CashbackUnknown",
    "CoolDown",
    "DebtWriteOffs",
    "Directory",
    "Edits",
    "Erasing",
    "ErasureAnswer",
    "Exports",
    "Facts",
    "KeyOrders",
    "Limits",
    "Lists",
    "Orders",
    "Ownership",
    "PauseAnswer",
    "People",
    "ProgrammeAnswer",
    "ProgrammeUnknown",
    "Programmes",
    "PurchaseItem",
    "PurchaseStories",
    "PurchaseStory",
    "Purchases",
    "Rates",
    "Rebuilder",
    "Refunds",
    "ReviewAnswer",
    "Rulesets",
    "Standings",
    "State",
    "Statement",
    "UserExport",
    "UserStatements",
    "UserStories",
    "Verdicts",
    "one_by_one",
]

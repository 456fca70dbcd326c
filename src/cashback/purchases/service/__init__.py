"""The use cases of purchases: record them, know who they are of, know who is calling."""

from cashback.purchases.service.api_keys import ApiKeys
from cashback.purchases.service.committer import Limits
from cashback.purchases.service.orders import CashbackUnknown, Orders, PauseAnswer, ProgrammeUnknown, ReviewAnswer
from cashback.purchases.service.people import People
from cashback.purchases.service.programmes import ProgrammeAnswer, Programmes
from cashback.purchases.service.purchases import Purchases
from cashback.purchases.service.refunds import Refunds
from cashback.purchases.service.statements import BalanceAt, Statement, UserStatements
from cashback.purchases.service.stories import BalanceStory, CashbackItem, PurchaseStories, PurchaseStory, UserStories
from cashback.purchases.service.write_offs import DebtWriteOffs

__all__ = [
    "ApiKeys",
    "BalanceAt",
    "BalanceStory",
    "CashbackItem",
    "CashbackUnknown",
    "DebtWriteOffs",
    "Limits",
    "Orders",
    "PauseAnswer",
    "People",
    "ProgrammeAnswer",
    "ProgrammeUnknown",
    "Programmes",
    "PurchaseStories",
    "PurchaseStory",
    "Purchases",
    "Refunds",
    "ReviewAnswer",
    "Statement",
    "UserStatements",
    "UserStories",
]

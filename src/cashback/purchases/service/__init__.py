"""The use cases of purchases: record them, know who they are of, know who is calling."""

from cashback.purchases.service.api_keys import ApiKeys
from cashback.purchases.service.campaigns import Campaigns
from cashback.purchases.service.committer import Limits
from cashback.purchases.service.facts import Facts
from cashback.purchases.service.orders import Orders
from cashback.purchases.service.people import People
from cashback.purchases.service.programmes import ProgrammeAnswer, Programmes
from cashback.purchases.service.purchases import Purchases
from cashback.purchases.service.rates import Rates
from cashback.purchases.service.rulesets import Rulesets
from cashback.purchases.service.stories import BalanceStory, CashbackItem, PurchaseStories, PurchaseStory, UserStories

__all__ = [
    "ApiKeys",
    "BalanceStory",
    "Campaigns",
    "CashbackItem",
    "Facts",
    "Limits",
    "Orders",
    "People",
    "ProgrammeAnswer",
    "Programmes",
    "PurchaseStories",
    "PurchaseStory",
    "Purchases",
    "Rates",
    "Rulesets",
    "UserStories",
]

"""The ledger over REST: cashbacks with their timelines, what users owe, and the programme in force."""

from cashback.ledger.http.cashbacks import CASHBACK_ROUTES
from cashback.ledger.http.debts import DEBT_ROUTES
from cashback.ledger.http.programmes import PROGRAMME_ROUTES

ROUTES = [*CASHBACK_ROUTES, *DEBT_ROUTES, *PROGRAMME_ROUTES]

__all__ = ["ROUTES"]

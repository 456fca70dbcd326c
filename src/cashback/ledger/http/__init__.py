"""The ledger over REST: cashbacks with their timelines, and the programme in force."""

from cashback.ledger.http.cashbacks import CASHBACK_ROUTES
from cashback.ledger.http.programmes import PROGRAMME_ROUTES
from cashback.ledger.http.queues import QUEUE_ROUTES

ROUTES = [*CASHBACK_ROUTES, *PROGRAMME_ROUTES, *QUEUE_ROUTES]

__all__ = ["ROUTES"]

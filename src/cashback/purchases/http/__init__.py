"""Purchases, users, merchants and new programmes over REST: every POST may be repeated under its key."""

from cashback.purchases.http.orders import ORDER_ROUTES
from cashback.purchases.http.people import PEOPLE_ROUTES
from cashback.purchases.http.programmes import PROGRAMME_ROUTES
from cashback.purchases.http.purchases import PURCHASE_ROUTES
from cashback.purchases.http.refunds import REFUND_ROUTES
from cashback.purchases.http.statements import STATEMENT_ROUTES
from cashback.purchases.http.write_offs import WRITE_OFF_ROUTES

ROUTES = [
    *PURCHASE_ROUTES,
    *REFUND_ROUTES,
    *WRITE_OFF_ROUTES,
    *PEOPLE_ROUTES,
    *PROGRAMME_ROUTES,
    *STATEMENT_ROUTES,
    *ORDER_ROUTES,
]

__all__ = ["ROUTES"]

"""Purchases, users and merchants over REST: every POST needs an `Idempotency-Key` and may be repeated safely."""

from cashback.purchases.http.people import PEOPLE_ROUTES
from cashback.purchases.http.purchases import PURCHASE_ROUTES

ROUTES = [*PURCHASE_ROUTES, *PEOPLE_ROUTES]

__all__ = ["ROUTES"]

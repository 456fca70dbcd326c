"""Webhooks over REST: endpoints with their secrets, the log of deliveries, and delivering again."""

from cashback.webhooks.http.deliveries import DELIVERY_ROUTES
from cashback.webhooks.http.endpoints import ENDPOINT_ROUTES

ROUTES = [*ENDPOINT_ROUTES, *DELIVERY_ROUTES]

__all__ = ["ROUTES"]

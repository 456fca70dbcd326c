"""Webhooks over REST: endpoints with their secrets, the log of deliveries, delivering again, and the log of events."""

from cashback.webhooks.http.deliveries import DELIVERY_ROUTES
from cashback.webhooks.http.endpoints import ENDPOINT_ROUTES
from cashback.webhooks.http.events import EVENT_ROUTES

ROUTES = [*ENDPOINT_ROUTES, *DELIVERY_ROUTES, *EVENT_ROUTES]

__all__ = ["ROUTES"]

"""Purchases, users, merchants, API keys and new programmes over REST: every POST may be repeated under its key."""

from cashback.purchases.http.adjustments import ADJUSTMENT_ROUTES
from cashback.purchases.http.api_keys import API_KEY_ROUTES
from cashback.purchases.http.audit import AUDIT_ROUTES
from cashback.purchases.http.bulk import BULK_ROUTES
from cashback.purchases.http.campaigns import CAMPAIGN_ROUTES
from cashback.purchases.http.directory import DIRECTORY_ROUTES
from cashback.purchases.http.edits import EDIT_ROUTES
from cashback.purchases.http.facts import FACT_ROUTES
from cashback.purchases.http.listing import LIST_ROUTES
from cashback.purchases.http.ownership import OWNERSHIP_ROUTES
from cashback.purchases.http.people import PEOPLE_ROUTES
from cashback.purchases.http.privacy import PRIVACY_ROUTES
from cashback.purchases.http.programmes import PROGRAMME_ROUTES
from cashback.purchases.http.purchases import PURCHASE_ROUTES
from cashback.purchases.http.rates import RATE_ROUTES
from cashback.purchases.http.refunds import REFUND_ROUTES
from cashback.purchases.http.ruleset_readings import RULESET_READING_ROUTES
from cashback.purchases.http.rulesets import RULESET_ROUTES
from cashback.purchases.http.standing import STANDING_ROUTES
from cashback.purchases.http.statements import STATEMENT_ROUTES
from cashback.purchases.http.stream import STREAM_ROUTES
from cashback.purchases.http.verdicts import VERDICT_ROUTES
from cashback.purchases.http.write_offs import WRITE_OFF_ROUTES

ROUTES = [
    *PURCHASE_ROUTES,
    *BULK_ROUTES,
    *STREAM_ROUTES,
    *REFUND_ROUTES,
    *WRITE_OFF_ROUTES,
    *PEOPLE_ROUTES,
    *OWNERSHIP_ROUTES,
    *EDIT_ROUTES,
    *PRIVACY_ROUTES,
    *FACT_ROUTES,
    *STANDING_ROUTES,
    *PROGRAMME_ROUTES,
    *CAMPAIGN_ROUTES,
    *RATE_ROUTES,
    *RULESET_ROUTES,
    *RULESET_READING_ROUTES,
    *STATEMENT_ROUTES,
    *VERDICT_ROUTES,
    *ADJUSTMENT_ROUTES,
    *API_KEY_ROUTES,
    *LIST_ROUTES,
    *DIRECTORY_ROUTES,
    *AUDIT_ROUTES,
]

__all__ = ["ROUTES"]

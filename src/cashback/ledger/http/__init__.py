"""The ledger over REST: cashbacks with their timelines, the programme in force, and the trial balance."""

from cashback.ledger.http.cashbacks import CASHBACK_ROUTES
from cashback.ledger.http.programmes import PROGRAMME_ROUTES
from cashback.ledger.http.trial import TRIAL_ROUTES

ROUTES = [*CASHBACK_ROUTES, *PROGRAMME_ROUTES, *TRIAL_ROUTES]

__all__ = ["ROUTES"]

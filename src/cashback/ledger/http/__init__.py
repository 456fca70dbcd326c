"""The ledger over REST: cashbacks with their timelines, debts, decisions, mints, programmes, what proves the books."""

from cashback.ledger.http.audits import AUDIT_ROUTES
from cashback.ledger.http.backtests import BACKTEST_ROUTES
from cashback.ledger.http.cashbacks import CASHBACK_ROUTES
from cashback.ledger.http.debts import DEBT_ROUTES
from cashback.ledger.http.decisions import DECISION_ROUTES
from cashback.ledger.http.mints import MINT_ROUTES
from cashback.ledger.http.programmes import PROGRAMME_ROUTES
from cashback.ledger.http.queues import QUEUE_ROUTES
from cashback.ledger.http.trial import TRIAL_ROUTES

ROUTES = [
    *AUDIT_ROUTES,
    *BACKTEST_ROUTES,
    *CASHBACK_ROUTES,
    *DEBT_ROUTES,
    *DECISION_ROUTES,
    *MINT_ROUTES,
    *PROGRAMME_ROUTES,
    *QUEUE_ROUTES,
    *TRIAL_ROUTES,
]

__all__ = ["ROUTES"]

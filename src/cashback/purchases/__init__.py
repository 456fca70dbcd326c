"""Purchases: who buys where, what was bought, and the one way in.

A purchase comes from a request, a bulk or a file and waits at most for the commit that is running; then it is recorded
with its neighbours in one transaction of a few statements over arrays: idempotency keys, purchases, the ledger's
decisions and postings, answers, events. Its answer carries the decision, and is given again, byte for byte, to whoever
repeats the request. What is returned of it takes its cashback back in one transaction too, be it that the refund came
first.
"""

from cashback.purchases.service import (
    Adjustments,
    ApiKeys,
    DebtWriteOffs,
    Limits,
    People,
    Programmes,
    Purchases,
    Refunds,
)

__all__ = ["Adjustments", "ApiKeys", "DebtWriteOffs", "Limits", "People", "Programmes", "Purchases", "Refunds"]

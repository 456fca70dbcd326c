"""Purchases: who buys where, what was bought, and the one way in.

A purchase comes from a request, a bulk or a file and waits at most for the commit that is running; then it is recorded
with its neighbours in one transaction of a few statements over arrays: idempotency keys, purchases, the ledger's
decisions and postings, answers, events. Its answer carries the decision, and is given again, byte for byte, to whoever
repeats the request.
"""

from cashback.purchases.service import ApiKeys, Limits, People, Programmes, Purchases

__all__ = ["ApiKeys", "Limits", "People", "Programmes", "Purchases"]

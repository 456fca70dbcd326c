"""`cashback reconcile`: ledger, mint records and chain compared at one final block; the chain is the truth (I10).

    chain (logs, supply, nonces) ──┐
    minting (records) ─────────────┼─▶ compare ─▶ findings, each with the command that mends it
    ledger (requests, books) ──────┘

The chain is read first: whatever it shows was requested before, so a ledger read later must know of it. Mints that are
under way are no differences; they are counted. The nonces of the adapter's own records are held against the chain's
counts (I9), and the books against themselves (I1, I8).
"""

from cashback.processes.reconcile.compare import Finding, Kind, Requested, Seen, compare
from cashback.processes.reconcile.run import Report, Settings, reconcile

__all__ = ["Finding", "Kind", "Report", "Requested", "Seen", "Settings", "compare", "reconcile"]

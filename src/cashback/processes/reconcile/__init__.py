"""`cashback reconcile`: ledger, mint records and chain compared at one final block; the chain is the truth (I10).

    chain (logs, supply, nonces, roles) ──┐
    minting (records) ────────────────────┼─▶ compare ─▶ findings, each with the command that mends it
    ledger (requests, books) ─────────────┘      └─────▶ ledger.reconciliations: the run, and a checkpoint

The chain is read first: whatever it shows was requested before, so a ledger read later must know of it. Mints that are
under way are no differences; they are counted. The nonces of the adapter's own records are held against the chain's
counts (I9), and the books against themselves (I1, I8). No stage holds all rows: see `staging`.
"""

from cashback.ledger.model.audits import ReconciliationStory
from cashback.processes.reconcile.compare import Bounds, Requested, Seen, Suspect, judge
from cashback.processes.reconcile.findings import Finding, Kind
from cashback.processes.reconcile.report import Report
from cashback.processes.reconcile.run import Settings, last_runs, reconcile

__all__ = [
    "Bounds",
    "Finding",
    "Kind",
    "ReconciliationStory",
    "Report",
    "Requested",
    "Seen",
    "Settings",
    "Suspect",
    "judge",
    "last_runs",
    "reconcile",
]

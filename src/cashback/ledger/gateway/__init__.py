"""Asks the blockchain adapter what stands on the chain; a short deadline, and never inside a transaction."""

from cashback.ledger.gateway.adapter import AUDIT_DEADLINE_S, CHAIN_FAILURES, DEADLINE_S, LIMIT_DEADLINE_S, Adapter
from cashback.ledger.gateway.signatures import SIGNATURE_BYTES_MAX

__all__ = ["AUDIT_DEADLINE_S", "CHAIN_FAILURES", "DEADLINE_S", "LIMIT_DEADLINE_S", "SIGNATURE_BYTES_MAX", "Adapter"]

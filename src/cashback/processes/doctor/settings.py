"""Where everything is that doctor asks, and as whom."""

from cashback.kernel.config import Dsn, HostPort, HttpUrl, Secret
from cashback.processes.broker import BrokerAndAdapterSettings
from cashback.processes.reconciled import StaleSeconds


class Settings(BrokerAndAdapterSettings, frozen=True, kw_only=True):
    """Where everything is; the API is asked when it is named. A reconciliation older than that is too old."""

    ledger_audit_dsn: Dsn
    minting_audit_dsn: Dsn
    chain_audit_dsn: Dsn
    adapter_address: HostPort
    api_url: HttpUrl = ""
    reconcile_stale_s: StaleSeconds = 10_800

    @property
    def audit_dsns(self) -> tuple[Secret, Secret, Secret]:
        """Return how an auditor connects to each service's database, in the order of `migrate.SERVICES`."""
        return self.ledger_audit_dsn, self.minting_audit_dsn, self.chain_audit_dsn

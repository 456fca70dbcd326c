"""What the API needs to know."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from cashback.kernel.config import Dsn, HostPort, Port, Secret
from cashback.kernel.http.admission import REQUESTS_MAX
from cashback.kernel.http.limits import MERCHANTS, OPERATORS
from cashback.kernel.lifecycle.bounds import CONNECTIONS_MAX
from cashback.kernel.principal import BURST_MAX, BURST_MIN, RATE_PER_S_MAX
from cashback.kernel.wanted import UNIT
from cashback.processes.ownership_settings import (
    CooldownS,
    SiweChainId,
    SiweDomain,
    SiweUri,
    contradictions_of_ownership,
)
from cashback.processes.tls import ClientTls
from cashback.processes.webhook_settings import NO_KEY, WebhookKey, contradictions_of_loopback
from cashback.purchases.model.ownership import COOLDOWN_S, OwnershipPolicy

DATABASE_MIN: Final = 2
"""With one, what the process writes beside requests, such as when keys were used, would keep all of them waiting."""

DATABASE_MAX: Final = 1_000
"""More than one server of PostgreSQL serves at a time; a batch of purchases needs one."""

PerSecond: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=RATE_PER_S_MAX, extra={UNIT: "requests a second"})]
Burst: TypeAlias = Annotated[int, msgspec.Meta(ge=BURST_MIN, le=BURST_MAX, extra={UNIT: "requests"})]

Connections: TypeAlias = Annotated[int, msgspec.Meta(ge=DATABASE_MIN, le=DATABASE_MAX, extra={UNIT: "connections"})]


class Settings(ClientTls, frozen=True, kw_only=True):
    """What the API needs to know."""

    api_dsn: Dsn
    api_key_pepper: Secret
    webhook_key: WebhookKey
    adapter_address: HostPort
    probe_port: Port
    api_host: str = "127.0.0.1"
    api_port: Port = 8080
    probe_host: str = "127.0.0.1"
    api_connections_max: Connections = 8
    answers_keep_days: Annotated[int, msgspec.Meta(ge=7, le=3_650)] = 30
    webhook_key_before: WebhookKey = NO_KEY
    webhook_allow_loopback: bool = False
    development: bool = False
    hsts: bool = False
    access_log: bool = True
    rate_per_s: PerSecond = MERCHANTS.per_s
    rate_burst: Burst = MERCHANTS.burst
    operator_rate_per_s: PerSecond = OPERATORS.per_s
    operator_rate_burst: Burst = OPERATORS.burst
    http_requests_max: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = REQUESTS_MAX
    http_connections_max: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = CONNECTIONS_MAX
    chain_id: SiweChainId = 0
    siwe_domain: SiweDomain = ""
    siwe_uri: SiweUri = ""
    wallet_cooldown_s: CooldownS = COOLDOWN_S

    @staticmethod
    def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield what cannot be used of the files of TLS, of where webhooks may lead, and of what wallets sign."""
        yield from ClientTls.contradictions(settings)
        yield from contradictions_of_loopback(settings)
        yield from contradictions_of_ownership(settings)

    @property
    def ownership(self) -> OwnershipPolicy:
        """Return in whose name wallets are proved, and how long a change waits."""
        return OwnershipPolicy(
            domain=self.siwe_domain, uri=self.siwe_uri, chain_id=self.chain_id, cooldown_s=self.wallet_cooldown_s
        )

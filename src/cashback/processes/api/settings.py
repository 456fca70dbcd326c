"""What the API needs to know."""

from collections.abc import Iterator, Mapping
from typing import Any

from cashback.kernel.config import Dsn, HostPort, Port, Secret
from cashback.processes.tls import ClientTls
from cashback.processes.webhook_settings import NO_KEY, WebhookKey, contradictions_of_loopback


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
    api_connections_max: int = 8
    webhook_key_before: WebhookKey = NO_KEY
    webhook_allow_loopback: bool = False
    development: bool = False
    hsts: bool = False
    access_log: bool = True

    @staticmethod
    def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield what of the files of TLS, and of where webhooks may lead, cannot be used."""
        yield from ClientTls.contradictions(settings)
        yield from contradictions_of_loopback(settings)

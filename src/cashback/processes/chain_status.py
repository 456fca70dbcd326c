"""`cashback chain status`: the adapter asked once for all it knows of itself and its chain, and what needs a person."""

import msgspec

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.model import AdapterView
from cashback.chain.rules.attention import worries
from cashback.kernel.config import HostPort
from cashback.processes.tls import ClientTls


class Settings(ClientTls, frozen=True, kw_only=True):
    """Where the adapter is."""

    adapter_address: HostPort


class Standing(msgspec.Struct, frozen=True):
    """How the adapter stands, and what of that needs a person."""

    view: AdapterView
    worries: list[str]


async def standing(settings: Settings) -> Standing:
    """Return how the adapter stands; nothing is changed.

    Raises:
        AdapterUnavailable: it did not answer.
        AdapterRefused: this caller may not ask.
    """
    async with Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter:
        view = await adapter.status()
    return Standing(view, worries(view))

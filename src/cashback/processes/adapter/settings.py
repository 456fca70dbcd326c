"""What the adapter needs to know, and which of it does not go together."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec

from cashback.chain.gateway.endpoint import LAG_BLOCKS_MAX
from cashback.chain.model import BATCH_MINTS_MAX, GAS_PER_TRANSACTION_MAX
from cashback.chain.rpc.callers import Callers
from cashback.chain.rpc.server import OPEN, Door
from cashback.chain.rules.following import check_finality
from cashback.chain.rules.gas_money import GasLimits
from cashback.chain.service.reserving import TAKING_FOR_S
from cashback.kernel.config import Dsn, Port, WsUrl
from cashback.kernel.errors import Invalid
from cashback.processes import endpoints, signing, tls
from cashback.processes.signing import WHOLE_TOKEN, HexAddress, LaneSettings, Units

_CONNECTIONS_BESIDE_LANES: Final = 2

Positive = Annotated[int, msgspec.Meta(ge=1)]


class Settings(LaneSettings, frozen=True, kw_only=True):
    """Which chain, which contracts, which keys, and how much of everything.

    `finality` is `finalized`, `safe` or `depth:N`. `start_block` must not be later than the token's own block.
    `adapter_tls_*` are PEM files; `adapter_clients`, `adapter_admins` and `adapter_anchorers` are names in the callers'
    certificates.
    `batch_*` and `slots_in_flight` are per lane. `mint_hour_max` and `mint_day_max` bound the base units that all lanes
    together sign for, whatever the contracts allow.
    With a key in a KMS, one question to a node and one signature, each as slow as it may be, must fit into the time for
    which a lane keeps what it takes from the others.
    `rpc_quorum` endpoints must tell the same before it is believed: more than half of them, as it is for 0, and two at
    least. On the development chain one is enough. Heads announced at `ws_urls` are asked about before the next poll.
    """

    chain_dsn: Dsn
    token_address: HexAddress
    minter_address: HexAddress
    probe_port: Port
    adapter_host: str = "127.0.0.1"
    adapter_port: Port = 50_051
    adapter_tls_cert: str = ""
    adapter_tls_key: str = ""
    adapter_tls_ca: str = ""
    adapter_clients: tuple[str, ...] = ()
    adapter_admins: tuple[str, ...] = ()
    adapter_anchorers: tuple[str, ...] = ()
    probe_host: str = "127.0.0.1"
    finality: str = "finalized"
    start_block: Annotated[int, msgspec.Meta(ge=0)] = 0
    ws_urls: Annotated[tuple[WsUrl, ...], msgspec.Meta(max_length=signing.ENDPOINTS_MAX)] = ()
    rpc_quorum: Annotated[int, msgspec.Meta(ge=0, le=signing.ENDPOINTS_MAX)] = 0
    rpc_lag_blocks: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = LAG_BLOCKS_MAX
    rpc_timeout_ms: Annotated[int, msgspec.Meta(ge=100, le=30_000)] = 2_500
    poll_ms: Annotated[int, msgspec.Meta(ge=10, le=60_000)] = 150
    batch_mints: Annotated[int, msgspec.Meta(ge=1, le=BATCH_MINTS_MAX)] = 256
    batch_age_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 100
    batch_gas: Annotated[int, msgspec.Meta(ge=200_000, le=GAS_PER_TRANSACTION_MAX)] = 16_000_000
    gas_low_batches: Annotated[int, msgspec.Meta(ge=0)] = 50
    gas_critical_batches: Annotated[int, msgspec.Meta(ge=0)] = 10
    slots_in_flight: Annotated[int, msgspec.Meta(ge=1, le=64)] = 16
    mint_hour_max: Units = 2_500_000 * WHOLE_TOKEN
    mint_day_max: Units = 10_000_000 * WHOLE_TOKEN
    resend_ms: Positive = 3_000
    bump_ms: Positive = 45_000
    connections: Annotated[int, msgspec.Meta(ge=3, le=64)] = 8

    @property
    def quorum(self) -> int:
        """Return how many endpoints must tell the same."""
        return self.rpc_quorum or endpoints.majority(self.rpc_urls)

    @staticmethod
    def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield what does not go together, and a finality that is none."""
        yield from signing.contradictions(settings)
        yield from tls.server_problems(settings)
        if settings.get("gas_critical_batches", 0) > settings.get("gas_low_batches", 0):
            yield "CASHBACK_GAS_CRITICAL_BATCHES is wrong: it cannot exceed CASHBACK_GAS_LOW_BATCHES"
        yield from endpoints.contradictions(settings)
        yield from _too_slow(settings)
        try:
            check_finality(settings["finality"])
        except Invalid as cause:
            yield f"CASHBACK_FINALITY is wrong: {cause.detail}"
        if {"connections", "key_count", "key_more_keystores", "key_kms_id", "key_more_kms_ids"} <= settings.keys():
            lanes = signing.lanes_of(settings)
            if settings["connections"] < lanes + _CONNECTIONS_BESIDE_LANES:
                yield (
                    f"CASHBACK_CONNECTIONS is wrong: {lanes} lanes want {lanes + _CONNECTIONS_BESIDE_LANES} at least,"
                    " one each and some for everybody"
                )

    @property
    def gas_limits(self) -> GasLimits:
        """Return what a batch may cost, and when gas money is low."""
        return GasLimits(
            fees=self.fee_limits,
            batch_gas=self.batch_gas,
            low_batches=self.gas_low_batches,
            critical_batches=self.gas_critical_batches,
        )

    @property
    def door(self) -> Door:
        """Return who may call, and how they are known."""
        context = tls.server_context(cert=self.adapter_tls_cert, key=self.adapter_tls_key, ca=self.adapter_tls_ca)
        if context is None:
            return OPEN
        callers = Callers(
            frozenset(self.adapter_clients), frozenset(self.adapter_admins), frozenset(self.adapter_anchorers)
        )
        return Door(callers, context)


def _too_slow(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield that a lane could wait for answers until it may not store any more: it would sign for nothing, for ever."""
    if not settings.get("key_kms_id") or not {"key_kms_timeout_ms", "rpc_timeout_ms"} <= settings.keys():
        return
    slowest_ms, kept_ms = settings["key_kms_timeout_ms"] + settings["rpc_timeout_ms"], int(1_000 * TAKING_FOR_S)
    if slowest_ms >= kept_ms:
        yield (
            f"CASHBACK_KEY_KMS_TIMEOUT_MS is wrong: with CASHBACK_RPC_TIMEOUT_MS it makes {slowest_ms} ms, and a lane "
            f"keeps what it takes for {kept_ms} ms; lower one of the two"
        )

"""`cashback adapter`: the blockchain adapter, the only process that knows a chain or holds a key.

gRPC ──▶ acceptance ──▶ database ◀── lane (sequencer, tender) ──▶ endpoints
     ◀── stream     ◀──          ◀── follower (sighting, inspection) ◀── ┘
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

import msgspec

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.contracts import Contracts
from cashback.chain.gateway.endpoint import LAG_BLOCKS_MAX
from cashback.chain.gateway.hints import HeadHints
from cashback.chain.gateway.keys import Signer
from cashback.chain.gateway.node import Node
from cashback.chain.model import BATCH_MINTS_MAX, GAS_PER_TRANSACTION_MAX
from cashback.chain.rpc.administration import Administration
from cashback.chain.rpc.callers import Callers
from cashback.chain.rpc.server import OPEN, AdapterServer, Door
from cashback.chain.rules.batching import GuardRails
from cashback.chain.rules.following import check_finality
from cashback.chain.rules.gas_money import GasLimits
from cashback.chain.rules.tending import Patience
from cashback.chain.service.acceptance import Acceptance
from cashback.chain.service.following import Follower, FollowerSettings, Pulses
from cashback.chain.service.gas_money import GasMoney
from cashback.chain.service.halting import Halting
from cashback.chain.service.inspection import Inspection
from cashback.chain.service.lane import LaneLoop
from cashback.chain.service.pricing import Pricing
from cashback.chain.service.pulse import Pulse
from cashback.chain.service.reading import Reading
from cashback.chain.service.recovery import Recovery
from cashback.chain.service.rotation import Rotation
from cashback.chain.service.sequencing import LaneLimits, Sequencer
from cashback.chain.service.sighting import Sighting
from cashback.chain.service.stream import Stream
from cashback.chain.service.tending import Tender
from cashback.chain.service.tenure import Tenure
from cashback.chain.store import network
from cashback.kernel.config import Dsn, Port, WsUrl
from cashback.kernel.db import Database
from cashback.kernel.errors import Invalid
from cashback.kernel.ids import new_id
from cashback.kernel.lifecycle import Probe, run_until_stopped
from cashback.processes import endpoints, signing, tls
from cashback.processes.signing import WHOLE_TOKEN, HexAddress, LaneSettings, Units, address

_CONNECTIONS_BESIDE_LANES: Final = 2

Positive = Annotated[int, msgspec.Meta(ge=1)]


class Settings(LaneSettings, frozen=True, kw_only=True):
    """Which chain, which contracts, which keys, and how much of everything.

    `finality` is `finalized`, `safe` or `depth:N`. `start_block` must not be later than the token's own block.
    `adapter_tls_*` are PEM files; `adapter_clients` and `adapter_admins` are names in the callers' certificates.
    `batch_*` and `slots_in_flight` are per lane. `mint_hour_max` and `mint_day_max` bound the base units that all lanes
    together sign for, whatever the contracts allow.
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
        try:
            check_finality(settings["finality"])
        except Invalid as cause:
            yield f"CASHBACK_FINALITY is wrong: {cause.detail}"
        if {"connections", "key_count", "key_more_keystores"} <= settings.keys():
            lanes = max(settings["key_count"], 1 + len(settings["key_more_keystores"]))
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
        return Door(Callers(frozenset(self.adapter_clients), frozenset(self.adapter_admins)), context)


class Adapter(msgspec.Struct, frozen=True, kw_only=True):
    """The assembled adapter: what its server serves, and its loops."""

    acceptance: Acceptance
    reading: Reading
    stream: Stream
    halting: Halting
    rotation: Rotation
    gas_money: GasMoney
    lanes: tuple[LaneLoop, ...]
    follower: Follower
    hints: tuple[HeadHints, ...]


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; any number of these may run on one database, each lane is led by one of them.

    Raises:
        SettingsInvalid: the keystore's password does not open it.
        WrongChain: the settings do not fit the chain; it says what to do.
        ChainUnavailable, DatabaseUnavailable: one of them did not answer at the start.
    """
    async with opened(settings) as (adapter, database):
        server = AdapterServer(
            host=settings.adapter_host,
            port=settings.adapter_port,
            acceptance=adapter.acceptance,
            reading=adapter.reading,
            stream=adapter.stream,
            administration=Administration(adapter.halting, adapter.rotation),
            door=settings.door,
        )
        checks = {"database": database.ping, "server": server.check, "minting": adapter.halting.check}
        probe = Probe(host=settings.probe_host, port=settings.probe_port, checks=checks)
        await run_until_stopped(
            {
                "server": server.run,
                **{f"lane {lane.name}": lane.run for lane in adapter.lanes},
                "follower": adapter.follower.run,
                "gas_money": adapter.gas_money.run,
                "probe": probe.run,
            }
            | {f"hints_{place}": hints.run for place, hints in enumerate(adapter.hints)}
        )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Adapter, Database]]:
    """Yield the adapter without its server, verified and ready, and its database.

    Raises:
        As `run`.
    """
    signers = settings.signers()
    async with (
        Database.open(settings.chain_dsn.value, name="adapter", connections_max=settings.connections) as database,
        Node.open(
            settings.rpc_urls,
            chain_id=settings.chain_id,
            timeout_s=settings.rpc_timeout_ms / 1_000,
            quorum=settings.quorum,
            lag_max=settings.rpc_lag_blocks,
        ) as node,
    ):
        token, minter = address(settings.token_address), address(settings.minter_address)
        contracts = Contracts(node, token=token, minter=minter)
        await node.verify()
        for signer in signers:
            await contracts.verify(signer.address)
        async with database.transaction() as tx:
            await network.establish(tx, epoch=new_id("epo"), chain_id=settings.chain_id, token=token, minter=minter)
        adapter = _assemble(settings, database, node=node, contracts=contracts, signers=signers)
        await adapter.rotation.tell_unattended({signer.address for signer in signers})
        yield adapter, database


def _assemble(
    settings: Settings, database: Database, *, node: Node, contracts: Contracts, signers: tuple[Signer, ...]
) -> Adapter:
    """Return the parts, wired."""
    work, written = Pulse(), Pulse()
    pulses = Pulses(hinted=Pulse(), freed=work, written=written)
    holder = new_id("adapter")
    blocks = Blocks(node, token=contracts.token)
    halting = Halting(database)
    return Adapter(
        acceptance=Acceptance(database, reserved=frozenset({contracts.token, contracts.minter}), accepted=work),
        reading=Reading(
            database,
            node=node,
            source=blocks,
            contracts=contracts,
            gas=settings.gas_limits,
            finality=settings.finality,
            start_block=settings.start_block,
        ),
        stream=Stream(database, written=written),
        halting=halting,
        rotation=Rotation(database),
        gas_money=GasMoney(database, source=blocks, limits=settings.gas_limits),
        lanes=tuple(
            _lane(settings, database, node=node, contracts=contracts, signer=signer, holder=holder, work=work)
            for signer in signers
        ),
        follower=_follower(settings, database, blocks=blocks, holder=holder, pulses=pulses),
        hints=tuple(HeadHints(url, place=place, beat=pulses.hinted.beat) for place, url in enumerate(settings.ws_urls)),
    )


def _lane(
    settings: Settings,
    database: Database,
    *,
    node: Node,
    contracts: Contracts,
    signer: Signer,
    holder: str,
    work: Pulse,
) -> LaneLoop:
    """Return the loop of the signer's lane."""
    limits = LaneLimits(
        batch_mints=settings.batch_mints,
        batch_age_ms=settings.batch_age_ms,
        batch_gas=settings.batch_gas,
        slots_in_flight=settings.slots_in_flight,
        fees=settings.fee_limits,
        patience=Patience(settings.resend_ms, settings.bump_ms),
        rails=GuardRails(settings.mint_hour_max, settings.mint_day_max),
    )
    name = f"0x{signer.address.hex()}"
    tenure = Tenure(database, name=f"lane:{name}", holder=holder)
    blocks = Blocks(node, token=contracts.token)
    chain_id = settings.chain_id
    sequencer = Sequencer(database, contracts=contracts, signer=signer, tenure=tenure, chain_id=chain_id, limits=limits)
    tender = Tender(
        database,
        node=node,
        pricing=Pricing(blocks, limits=limits.fees),
        signer=signer,
        tenure=tenure,
        chain_id=chain_id,
        limits=limits,
    )
    recovery = Recovery(
        database,
        blocks=blocks,
        signer=signer,
        tenure=tenure,
        sequencer=sequencer,
        tender=tender,
        patience_s=settings.bump_ms / 1_000,
    )
    return LaneLoop(
        name=name,
        tenure=tenure,
        recovery=recovery,
        sequencer=sequencer,
        tender=tender,
        halting=Halting(database),
        wake=work,
    )


def _follower(settings: Settings, database: Database, *, blocks: Blocks, holder: str, pulses: Pulses) -> Follower:
    """Return the follower of the chain."""
    tenure = Tenure(database, name="follower", holder=holder)
    return Follower(
        database,
        source=blocks,
        tenure=tenure,
        sighting=Sighting(database, tenure=tenure),
        inspection=Inspection(database, source=blocks, tenure=tenure),
        halting=Halting(database),
        settings=FollowerSettings(
            start_block=settings.start_block, poll_ms=settings.poll_ms, finality=settings.finality
        ),
        pulses=pulses,
    )

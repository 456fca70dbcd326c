"""`cashback adapter`: the blockchain adapter, the only process that knows a chain or holds a key.

gRPC ──▶ acceptance ──▶ database ◀── lane (sequencer, tender) ──▶ endpoints
     ◀── stream     ◀──          ◀── follower (sighting, inspection) ◀── ┘
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

import msgspec

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.contracts import Contracts
from cashback.chain.gateway.endpoint import LAG_BLOCKS_MAX
from cashback.chain.gateway.hints import HeadHints
from cashback.chain.gateway.keys import Signer
from cashback.chain.gateway.node import Node
from cashback.chain.model import BATCH_MINTS_MAX, GAS_PER_TRANSACTION_MAX
from cashback.chain.rpc.server import AdapterServer
from cashback.chain.rules.following import check_finality
from cashback.chain.rules.tending import Patience
from cashback.chain.service.acceptance import Acceptance
from cashback.chain.service.following import Follower, FollowerSettings, Pulses
from cashback.chain.service.halting import Halting
from cashback.chain.service.inspection import Inspection
from cashback.chain.service.lane import LaneLoop
from cashback.chain.service.pricing import Pricing
from cashback.chain.service.pulse import Pulse
from cashback.chain.service.reading import Reading
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
from cashback.processes import endpoints, signing
from cashback.processes.signing import HexAddress, SigningSettings, address

Positive = Annotated[int, msgspec.Meta(ge=1)]


class Settings(SigningSettings, frozen=True, kw_only=True):
    """Which chain, which contracts, which key, and how much of everything.

    `finality` is `finalized`, `safe` or `depth:N`. `start_block` must not be later than the token's own block.
    `rpc_quorum` endpoints must tell the same before it is believed: more than half of them, as it is for 0, and two at
    least. On the development chain one is enough. Heads announced at `ws_urls` are asked about before the next poll.
    """

    chain_dsn: Dsn
    token_address: HexAddress
    minter_address: HexAddress
    probe_port: Port
    key_index: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 1
    adapter_host: str = "127.0.0.1"
    adapter_port: Port = 50_051
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
    slots_in_flight: Annotated[int, msgspec.Meta(ge=1, le=64)] = 16
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
        yield from endpoints.contradictions(settings)
        try:
            check_finality(settings["finality"])
        except Invalid as cause:
            yield f"CASHBACK_FINALITY is wrong: {cause.detail}"


class Adapter(msgspec.Struct, frozen=True, kw_only=True):
    """The assembled adapter: what its server serves, and its loops."""

    acceptance: Acceptance
    reading: Reading
    stream: Stream
    halting: Halting
    lane: LaneLoop
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
        )
        checks = {"database": database.ping, "server": server.check, "minting": adapter.halting.check}
        probe = Probe(host=settings.probe_host, port=settings.probe_port, checks=checks)
        await run_until_stopped(
            {"server": server.run, "lane": adapter.lane.run, "follower": adapter.follower.run, "probe": probe.run}
            | {f"hints_{place}": hints.run for place, hints in enumerate(adapter.hints)}
        )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Adapter, Database]]:
    """Yield the adapter without its server, verified and ready, and its database.

    Raises:
        As `run`.
    """
    signer = settings.signer()
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
        await contracts.verify(signer.address)
        async with database.transaction() as tx:
            await network.establish(tx, epoch=new_id("epo"), chain_id=settings.chain_id, token=token, minter=minter)
        yield _assemble(settings, database, node=node, contracts=contracts, signer=signer), database


def _assemble(settings: Settings, database: Database, *, node: Node, contracts: Contracts, signer: Signer) -> Adapter:
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
            finality=settings.finality,
            start_block=settings.start_block,
        ),
        stream=Stream(database, written=written),
        halting=halting,
        lane=_lane(settings, database, node=node, contracts=contracts, signer=signer, holder=holder, work=work),
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
    )
    blocks = Blocks(node, token=contracts.token)
    tenure = Tenure(database, name=f"lane:0x{signer.address.hex()}", holder=holder)
    chain_id = settings.chain_id
    return LaneLoop(
        database,
        blocks=blocks,
        signer=signer,
        tenure=tenure,
        sequencer=Sequencer(
            database, contracts=contracts, signer=signer, tenure=tenure, chain_id=chain_id, limits=limits
        ),
        tender=Tender(
            database,
            node=node,
            pricing=Pricing(blocks, limits=limits.fees),
            signer=signer,
            tenure=tenure,
            chain_id=chain_id,
            limits=limits,
        ),
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

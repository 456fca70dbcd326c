"""`cashback adapter`: the blockchain adapter, the only process that knows a chain or holds a key.

gRPC ──▶ acceptance ──▶ database ◀── lane (sequencer, tender) ──▶ endpoints
     ◀── stream     ◀──          ◀── follower (sighting, inspection) ◀── ┘
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cashback.chain.gateway.contracts import Contracts
from cashback.chain.gateway.node import Node
from cashback.chain.rpc.administration import Administration
from cashback.chain.rpc.server import AdapterServer
from cashback.chain.store import network
from cashback.kernel import failpoints
from cashback.kernel.config import SettingsInvalid
from cashback.kernel.db import Database
from cashback.kernel.ids import new_id
from cashback.kernel.lifecycle import Probe, run_until_stopped
from cashback.processes.adapter.settings import Settings
from cashback.processes.adapter.wiring import Adapter, assemble
from cashback.processes.endpoints import DEVELOPMENT_CHAIN_ID
from cashback.processes.signing import address

__all__ = ["Adapter", "Settings", "assemble", "opened", "run"]


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; any number of these may run on one database, each lane is led by one of them.

    Raises:
        SettingsInvalid: a key cannot be used, it says what to do; or a chain that is no test's has failpoints.
        WrongChain: the settings do not fit the chain; it says what to do.
        ChainUnavailable, DatabaseUnavailable, KeyUnavailable: one of them did not answer at the start.
    """
    if failpoints.armed() and settings.chain_id != DEVELOPMENT_CHAIN_ID:
        raise SettingsInvalid(["CASHBACK_FAILPOINTS is wrong: an adapter is hurt on the development chain alone"])
    async with opened(settings) as (adapter, database):
        server = AdapterServer(
            host=settings.adapter_host,
            port=settings.adapter_port,
            services=adapter.services,
            administration=Administration(
                adapter.halting,
                adapter.rotation,
                adapter.recovering,
                cancellations=adapter.cancellations,
                releases=adapter.releases,
            ),
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
                "gauges": adapter.gauges.run,
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
    async with (
        settings.every_signer() as signers,
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
        adapter = assemble(settings, database, node=node, contracts=contracts, signers=signers)
        await adapter.rotation.tell_unattended({signer.address for signer in signers})
        yield adapter, database

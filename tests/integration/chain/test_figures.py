"""What an adapter shows of its lanes and of its nodes, for alerts: from the database, and from what a quorum said."""

from contextlib import AsyncExitStack
from typing import Final

import msgspec
import pytest
from prometheus_client import REGISTRY

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.node import Node
from cashback.chain.gateway.quorum import QuorumMissing
from cashback.chain.service.figures import gauges
from cashback.kernel.db import Database
from cashback.processes import adapter, signing
from cashback.processes.embedded import free_port
from tests.integration.chain.levers import ACCOUNTS
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.support import CHAIN_ID, Bench, assembled, mint, running
from tests.integration.chain.test_fees import GWEI, base_fee

SIGNER: Final = signing.address(ACCOUNTS[1])


def waits(reason: str, signer: str = ACCOUNTS[1]) -> float | None:
    """Return whether a signer's lane is shown to wait for `reason`; None when nothing is shown of that."""
    return REGISTRY.get_sample_value("cashback_chain_lane_waits", {"signer": signer.lower(), "reason": reason})


async def served(bench: Bench) -> None:
    """Have the lane take a turn, and the adapter look."""
    [lane] = bench.adapter.lanes
    await lane._serve()
    await bench.adapter.gauges.look()


async def test_what_a_lane_waits_for_is_shown_from_then_on_until_it_signs(
    settings: adapter.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the signers that this adapter has; without the database nobody knows, and nothing is shown."""
    monkeypatch.setattr("cashback.kernel.db.POOL_WAIT_S", 0.1)
    capped = msgspec.structs.replace(settings, fee_cap_wei=20 * GWEI)
    async with assembled(capped) as bench, running(bench.adapter.follower.run):
        assert await bench.adapter.lanes[0]._tenure.hold()
        await base_fee(bench, 50)
        await bench.submit(mint(1))
        await bench.ripe()
        await served(bench)
        assert waits("fee_above_cap") == 1
        async with bench.database.transaction() as tx:
            await tx.execute(
                "insert into chain.lanes (address, next_nonce, waits_for) values (%s, 0, 'no_gas_money')", [b"\1" * 20]
            )
        await bench.adapter.gauges.look()
        assert waits("no_gas_money", f"0x{'01' * 20}") is None
        async with Database.open(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing", name="lost") as lost:
            await gauges(lost, signers=[SIGNER]).look()
        assert waits("fee_above_cap") is None
        await bench.adapter.gauges.look()
        assert waits("fee_above_cap") == 1
        await base_fee(bench, 0)
        await served(bench)
        assert waits("fee_above_cap") is None


async def test_when_a_quorum_last_agreed_stands_still_while_there_is_none(settings: adapter.Settings) -> None:
    """Also where every process is up and ready; and beside each node's lag stands how much of it is borne."""

    def agreed_at() -> float:
        """Return when it was, in seconds since 1970."""
        return REGISTRY.get_sample_value("cashback_chain_agreed_timestamp_seconds") or 0.0

    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(Proxy.before(settings.rpc_urls[0])) for _ in range(2)]
        urls = [proxy.url for proxy in proxies]
        node = await stack.enter_async_context(Node.open(urls, chain_id=CHAIN_ID, timeout_s=2, quorum=2, lag_max=17))
        blocks = Blocks(node, token=SIGNER)
        await blocks.latest()
        first = agreed_at()
        for endpoint in node.endpoints:
            borne = REGISTRY.get_sample_value("cashback_chain_endpoint_lag_max_blocks", {"endpoint": endpoint.name})
            assert borne == 17
        proxies[1].always("*", "refuse")
        with pytest.raises(QuorumMissing):
            await blocks.latest()
        assert agreed_at() == first > 0
        proxies[1].always("*", "pass")
        await blocks.latest()
        assert agreed_at() > first

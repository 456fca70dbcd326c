"""Gas money that runs low is told long before it ends, and nothing stops for it.

The incident: https://github.com/connext/monorepo/issues/2952 - a relayer's wallet emptied, and nobody was told before
its transactions failed.
"""

import asyncio
from pathlib import Path

import httpx
import msgspec
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.rules.attention import worries
from cashback.processes import adapter
from cashback.processes.embedded import free_port
from tests.integration.chain.levers import ACCOUNTS
from tests.integration.chain.listening import listening_at
from tests.integration.chain.support import Bench, mint, serving
from tests.integration.chain.test_process import process
from tests.integration.chain.waiting import eventually

SIGNER = ACCOUNTS[1]


@pytest.fixture
def cheap(settings: adapter.Settings) -> adapter.Settings:
    """Give settings under which a batch costs at most one ether."""
    return msgspec.structs.replace(settings, batch_gas=1_000_000, fee_cap_wei=10**12, finality="depth:1")


def told(name: str) -> float | None:
    """Return a metric of the signer."""
    return REGISTRY.get_sample_value(f"cashback_chain_gas_money_{name}", {"signer": SIGNER.lower()})


async def fund(bench: Bench, ether: int) -> list[str]:
    """Let the signer have so much; return what is logged when the adapter looks."""
    await bench.lever.call("anvil_setBalance", SIGNER, hex(ether * 10**18))
    with capture_logs() as logs:
        await bench.adapter.gas_money.look()
        await bench.adapter.gas_money.look()
    return [f"{line['log_level']}: {line['event']}" for line in logs if line["event"].startswith("gas_money.")]


async def test_falling_gas_money_is_said_once_per_change_and_stops_nothing(cheap: adapter.Settings) -> None:
    """Connext #2952: enough, low, critical, and enough again; mints are made all the while."""
    async with serving(cheap) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        await bench.submit(mint(1))
        await bench.settled([1])
        assert await fund(bench, 51) == []
        assert worries(await caller.status()) == []
        assert await fund(bench, 50) == ["warning: gas_money.became_low"]
        assert (told("wei"), told("batches"), told("level")) == (50 * 10**18, 50, 1)
        assert await fund(bench, 49) == []
        [worry] = worries(await caller.status())
        assert "its gas money is low, it certainly pays for 49 more batches" in worry
        assert await fund(bench, 10) == ["critical: gas_money.became_critical"]
        await bench.adapter.halting.check()
        await bench.submit(mint(2))
        await bench.settled([2])
        assert await fund(bench, 51) == ["info: gas_money.became_enough"]
        assert told("level") == 0


async def test_an_adapter_that_runs_low_is_as_ready_as_before(settings: adapter.Settings, tmp_path: Path) -> None:
    """The running process says it in its log and its metrics; `/readyz` is about work, and that goes on."""
    served = process(settings, tmp_path, port=free_port(), CASHBACK_GAS_LOW_BATCHES="1000000000")
    with served, httpx.Client(base_url=served.url) as probe:

        async def look() -> bool | None:
            metrics = (await asyncio.to_thread(probe.get, "/metrics")).text
            return True if f'cashback_chain_gas_money_level{{signer="{SIGNER.lower()}"}} 1.0' in metrics else None

        await eventually(look)
        assert (await asyncio.to_thread(probe.get, "/readyz")).status_code == 200
    assert "gas_money.became_low" in (tmp_path / "adapter.log").read_text()

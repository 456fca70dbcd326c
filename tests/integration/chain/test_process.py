"""The adapter as a process: killed at any moment, told to stop, and started with wrong settings."""

import asyncio
import socket
from pathlib import Path

import httpx
import psycopg
import pytest
from grpclib.client import Channel

from cashback.processes import adapter
from cashback.processes.embedded import CashbackProcess, ChildFailed, free_port
from cashback.wire.cashback.chain import v1
from tests.integration.chain.support import MNEMONIC, mint
from tests.integration.chain.waiting import eventually

HOST = "127.0.0.1"
MINTS = 600
EACH_SECOND = {"jsonrpc": "2.0", "id": 1, "method": "evm_setIntervalMining", "params": [1]}


def process(settings: adapter.Settings, folder: Path, *, port: int, **changes: str) -> CashbackProcess:
    """Return `cashback adapter` with these settings and further variables, serving on `port`."""
    probe = free_port()
    return CashbackProcess(
        "adapter",
        log=folder / "adapter.log",
        port=probe,
        settings={
            "CASHBACK_CHAIN_DSN": settings.chain_dsn.value,
            "CASHBACK_RPC_URLS": settings.rpc_urls[0],
            "CASHBACK_CHAIN_ID": str(settings.chain_id),
            "CASHBACK_TOKEN_ADDRESS": settings.token_address,
            "CASHBACK_MINTER_ADDRESS": settings.minter_address,
            "CASHBACK_KEY_MNEMONIC": MNEMONIC,
            "CASHBACK_ADAPTER_PORT": str(port),
            "CASHBACK_PROBE_PORT": str(probe),
            "CASHBACK_BATCH_MINTS": "20",
            "CASHBACK_POLL_MS": "20",
            **changes,
        },
    )


@pytest.mark.invariant("I2", "I3", "I9")
async def test_an_adapter_killed_under_load_mints_everything_once(settings: adapter.Settings, tmp_path: Path) -> None:
    """Kill -9 while slots are reserved, sent and mined; the restart goes on from what is stored.

    Blocks come each second. A node that mines each transaction at once forgets now and then one that comes while it is
    mining the one before, answers ever after that it knows it, and has no blocks by which its price could be raised.
    """
    (await asyncio.to_thread(httpx.post, settings.rpc_urls[0], json=EACH_SECOND)).raise_for_status()
    port = free_port()
    asked = [mint(number) for number in range(1, MINTS + 1)]
    served = process(settings, tmp_path, port=port)
    with served:
        async with Channel(HOST, port) as channel:
            stub = v1.ChainAdapterServiceStub(channel)
            wire = [
                v1.Mint(number=one.number, cashback_id=one.cashback_id, recipient=one.recipient, amount=one.amount)
                for one in asked
            ]
            await stub.submit_mints(v1.SubmitMintsRequest(mints=wire))
            await seen(stub, v1.MintState.SUBMITTED, many=1)
        await asyncio.to_thread(served.kill)
        await asyncio.to_thread(served.start)
        async with Channel(HOST, port) as channel:
            stub = v1.ChainAdapterServiceStub(channel)
            await seen(stub, v1.MintState.INCLUDED, many=MINTS)
            logs = await stub.list_mint_logs(v1.ListMintLogsRequest())
            status = await stub.get_status(v1.GetStatusRequest())
        assert sorted({log.number for log in logs.logs}) == sorted(log.number for log in logs.logs)
        assert status.halted_reason == ""
        [lane] = status.lanes
        assert lane.next_nonce == lane.mined_nonce >= MINTS // 20


async def test_an_adapter_that_is_halted_is_not_ready_and_says_why(
    settings: adapter.Settings, chain_dsn: str, tmp_path: Path
) -> None:
    """It is well otherwise: it accepts and follows, and is ready again as soon as the halt is lifted."""
    with process(settings, tmp_path, port=free_port()) as served, httpx.Client(base_url=served.url) as probe:
        assert (await asyncio.to_thread(probe.get, "/readyz")).is_success
        with psycopg.connect(chain_dsn) as connection:
            connection.execute("update chain.network set halted_reason = 'by hand', halted_at = now()")
        halted = await asyncio.to_thread(probe.get, "/readyz")
        assert (halted.status_code, halted.json()["problems"]) == (503, {"minting": "minting is halted: by hand"})
        with psycopg.connect(chain_dsn) as connection:
            connection.execute("update chain.network set halted_reason = null, halted_at = null")
        assert (await asyncio.to_thread(probe.get, "/readyz")).status_code == 200


async def seen(stub: v1.ChainAdapterServiceStub, state: v1.MintState, *, many: int) -> None:
    """Return once so many mints have come at least as far as `state`."""

    async def look() -> bool | None:
        answer = await stub.get_mints(v1.GetMintsRequest(numbers=[*range(1, MINTS + 1)]))
        return True if sum(entry.state.value >= state.value for entry in answer.entries) >= many else None

    await eventually(look)


def test_an_adapter_whose_port_is_taken_says_so_in_a_sentence(settings: adapter.Settings, tmp_path: Path) -> None:
    """It names the port and the settings that decide, and no line of ours where it was found."""
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ChildFailed) as failed:
            process(settings, tmp_path, port=port).start()
    assert "ended with 5 at its start" in failed.value.detail
    assert f"cannot_listen: cannot listen at {HOST}, port {port}: Address already in use" in failed.value.detail
    assert "CASHBACK_ADAPTER_PORT" in failed.value.detail
    assert "Traceback" not in failed.value.detail

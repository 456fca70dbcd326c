"""The processes with a key in a KMS, as an operator runs them: deployed with, started with, killed, refused."""

import asyncio
from pathlib import Path

import pytest
from grpclib.client import Channel

from cashback.chain.gateway.node import Node
from cashback.processes import adapter, contracts
from cashback.processes.embedded import ChildFailed, EmbeddedAnvil, free_port
from cashback.wire.cashback.chain import v1
from tests.integration.chain.levers import ACCOUNTS, Lever
from tests.integration.chain.support import CHAIN_ID, assembled, mint
from tests.integration.chain.test_process import HOST, MINTS, process, seen
from tests.support.kms import ACCESS_KEY, REGION, SECRET_KEY, KmsStandIn


async def test_contracts_are_deployed_with_a_key_in_a_kms(empty_node: EmbeddedAnvil, service: KmsStandIn) -> None:
    """Once: running it again finds what stands."""
    key = service.make("deployer")
    async with Node.open((empty_node.url,), chain_id=CHAIN_ID, timeout_s=5) as node:
        await Lever(node).call("anvil_setBalance", f"0x{key.address.hex()}", hex(10**21))
    settings = contracts.Settings(
        rpc_urls=(empty_node.url,),
        chain_id=CHAIN_ID,
        key_kms_id="alias/deployer",
        key_kms_region=REGION,
        key_kms_endpoint=service.url,
        operator_addresses=(ACCOUNTS[1],),
        guardian_address=ACCOUNTS[2],
        admin_delay_s=0,
    )
    first, again = await contracts.deploy(settings), await contracts.deploy(settings)
    assert (first.is_new, again.is_new) == (True, False)
    assert (first.token, first.minter) == (again.token, again.minter)


@pytest.mark.invariant("I2", "I3", "I9")
async def test_an_adapter_with_a_key_in_a_kms_that_is_killed_under_load_mints_everything_once(
    settings: adapter.Settings, service: KmsStandIn, tmp_path: Path
) -> None:
    """The service signs anew after the restart, with other nonces of its own: what was stored is what is sent again."""
    key = service.make("one")
    async with assembled(settings) as bench:
        await bench.people.employ(key.address)
    port = free_port()
    served = process(settings, tmp_path, port=port, **in_kms(service))
    service.delay_s = 0.02
    asked = [mint(number) for number in range(1, MINTS + 1)]
    wire = [
        v1.Mint(number=one.number, cashback_id=one.cashback_id, recipient=one.recipient, amount=one.amount)
        for one in asked
    ]
    await asyncio.to_thread(served.start)
    try:
        async with Channel(HOST, port) as channel:
            stub = v1.ChainAdapterServiceStub(channel)
            await stub.submit_mints(v1.SubmitMintsRequest(mints=wire))
            await seen(stub, v1.MintState.SUBMITTED, many=1)
        await asyncio.to_thread(served.kill)
        await asyncio.to_thread(served.start)
        async with Channel(HOST, port) as channel:
            stub = v1.ChainAdapterServiceStub(channel)
            await seen(stub, v1.MintState.INCLUDED, many=MINTS)
            logs = await stub.list_mint_logs(v1.ListMintLogsRequest())
            status = await stub.get_status(v1.GetStatusRequest())
    finally:
        await asyncio.to_thread(served.stop)
    assert sorted(log.number for log in logs.logs) == sorted({log.number for log in logs.logs})
    assert [(lane.address, lane.next_nonce >= MINTS // 20) for lane in status.lanes] == [(key.address, True)]
    assert status.halted_reason == ""
    written = (tmp_path / "adapter.log").read_text()
    assert f"0x{key.address.hex()}" in written
    assert SECRET_KEY not in written
    assert ACCESS_KEY not in written


async def test_an_adapter_whose_key_may_not_sign_is_refused_with_the_remedy(
    settings: adapter.Settings, service: KmsStandIn, tmp_path: Path
) -> None:
    """By the exit code of wrong settings; a service that is away is another code, for it may be back."""
    service.make("one")
    for whim, code, told in (
        ("deny", 6, "CASHBACK_KEY_KMS_ID is wrong: access is denied: allow kms:GetPublicKey and kms:Sign"),
        ("fail", 5, "cashback: key_unavailable: the key service failed: KMSInternalException"),
    ):
        service.always("deny" if whim == "deny" else "fail")
        served = process(settings, tmp_path / whim, port=free_port(), **in_kms(service))
        with pytest.raises(ChildFailed, match=told):
            await asyncio.to_thread(served.start)
        assert served.exit_code == code


def in_kms(service: KmsStandIn) -> dict[str, str]:
    """Return the variables by which an adapter's only key is in the service."""
    return {
        "CASHBACK_KEY_MNEMONIC": "",
        "CASHBACK_KEY_KMS_ID": "alias/one",
        "CASHBACK_KEY_KMS_REGION": REGION,
        "CASHBACK_KEY_KMS_ENDPOINT": service.url,
    }

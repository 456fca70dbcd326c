"""What an adapter refuses at its start: settings that do not fit the chain, each with the remedy in its message."""

from typing import Any

import msgspec
import pytest

from cashback.chain.model import WrongChain
from cashback.kernel.config import Secret
from cashback.processes import adapter, contracts
from cashback.processes.contracts import Deployed
from tests.integration.chain.levers import ACCOUNTS
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.support import CHAIN_ID, MNEMONIC, assembled

EIGHTEEN = {"result": f"0x{18:064x}"}
NOWHERE = "0x" + "11" * 20


async def refusal(settings: adapter.Settings, **changes: Any) -> str:  # noqa: ANN401  # any setting
    """Return what an adapter with these settings is refused for."""
    with pytest.raises(WrongChain) as refused:
        async with assembled(msgspec.structs.replace(settings, **changes)):
            pass
    return refused.value.detail


async def another_pair(settings: adapter.Settings) -> Deployed:
    """Deploy a second token and minter with another key; return where they are."""
    return await contracts.deploy(
        contracts.Settings(
            rpc_urls=settings.rpc_urls,
            chain_id=CHAIN_ID,
            key_mnemonic=Secret(MNEMONIC),
            key_index=5,
            admin_delay_s=0,
            operator_addresses=(ACCOUNTS[1],),
            guardian_address=ACCOUNTS[2],
        )
    )


async def test_an_address_without_code_is_refused(settings: adapter.Settings) -> None:
    """Token and minter alike; the setting is named."""
    assert "no contract at CASHBACK_TOKEN_ADDRESS" in await refusal(settings, token_address=NOWHERE)
    assert "no contract at CASHBACK_MINTER_ADDRESS" in await refusal(settings, minter_address=NOWHERE)


async def test_code_that_is_not_this_releases_is_refused(settings: adapter.Settings) -> None:
    """The two addresses the wrong way round, or a contract with one byte that differs."""
    swapped = await refusal(settings, token_address=settings.minter_address, minter_address=settings.token_address)
    assert "CASHBACK_TOKEN_ADDRESS" in swapped
    assert "not this release's CashbackToken: name what `cashback contracts deploy` printed" in swapped
    async with assembled(settings) as bench:
        code = await bench.lever.call("eth_getCode", settings.minter_address, "latest")
        forged = f"{code[:-2]}{int(code[-2:], 16) ^ 1:02x}"
        await bench.lever.call("anvil_setCode", settings.minter_address, forged)
    assert "not this release's CashbackMinter" in await refusal(settings)


async def test_a_minter_of_another_token_is_refused(settings: adapter.Settings) -> None:
    """Both are ours, and they do not belong together."""
    other = await another_pair(settings)
    told = await refusal(settings, minter_address=other.minter)
    assert f"mints the token {other.token.lower()}" in told
    assert "name the pair" in told


async def test_a_minter_without_its_role_is_refused(settings: adapter.Settings) -> None:
    """Who can give it back stands in the message."""
    async with assembled(settings) as bench:
        await bench.people.revoke_minter(settings.token_address)
    assert "lacks MINTER_ROLE on the token; its admin must grant it" in await refusal(settings)


async def test_a_token_that_counts_otherwise_is_refused(settings: adapter.Settings) -> None:
    """With 18 decimals every mint would be a trillionth of what was granted; a lying node shows it of our own code."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        proxy.always("eth_call", EIGHTEEN)
        told = await refusal(settings, rpc_urls=(proxy.url,))
    assert "has 18 decimals, and the ledger counts in 6: name the token" in told

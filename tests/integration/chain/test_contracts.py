"""Deploying the contracts, and what calls of them cost."""

import msgspec
import pytest

from cashback.chain.gateway.node import Node
from cashback.chain.model import WrongChain
from cashback.kernel.config import Secret, SettingsInvalid
from cashback.kernel.money import INT63_MAX
from cashback.processes import adapter, contracts
from cashback.processes.embedded import EmbeddedAnvil
from tests.integration.chain.levers import ACCOUNTS
from tests.integration.chain.support import CHAIN_ID, MNEMONIC, assembled, deployed, mint, running


async def test_deploying_twice_finds_what_the_first_time_left(empty_node: EmbeddedAnvil) -> None:
    """The second time sends nothing and returns the same addresses."""
    first, second = await deployed(empty_node.url), await deployed(empty_node.url)
    assert first.is_new
    assert not second.is_new
    assert (first.token, first.minter) == (second.token, second.minter)
    assert await nonce_of(empty_node, ACCOUNTS[0]) == 3


async def test_given_addresses_are_checked_instead_of_deployed(empty_node: EmbeddedAnvil) -> None:
    """Right ones are confirmed; code that is not ours is refused."""
    first = await deployed(empty_node.url)
    asked = contracts.Settings(
        rpc_urls=(empty_node.url,),
        chain_id=CHAIN_ID,
        key_mnemonic=Secret(MNEMONIC),
        token_address=first.token,
        minter_address=first.minter,
    )
    assert await contracts.deploy(asked) == msgspec.structs.replace(first, is_new=False)
    swapped = msgspec.structs.replace(asked, token_address=first.minter, minter_address=first.token)
    with pytest.raises(WrongChain, match="not this release's CashbackToken"):
        await contracts.deploy(swapped)


async def test_an_interrupted_deployment_goes_on_where_it_stopped(empty_node: EmbeddedAnvil) -> None:
    """The token that stands is used; a minter that lost its role gets it back."""
    first = await deployed(empty_node.url)
    async with Node.open((empty_node.url,), chain_id=CHAIN_ID, timeout_s=5) as reached:
        await reached.ask([("anvil_rollback", [1])])
    again = await deployed(empty_node.url)
    assert again.is_new
    assert (again.token, again.minter) == (first.token, first.minter)


async def test_a_mnemonic_deploys_on_a_development_chain_only(empty_node: EmbeddedAnvil) -> None:
    """Its keys are known to everybody."""
    with pytest.raises(SettingsInvalid, match="must not sign on chain 8453"):
        await contracts.deploy(
            contracts.Settings(rpc_urls=(empty_node.url,), chain_id=8_453, key_mnemonic=Secret(MNEMONIC))
        )


@pytest.mark.parametrize(
    "numbers",
    [[1], [*range(1, 257)], [*range(129, 385)], [*range(2, 514, 2)], [*range(1, 65_536, 256)]],
    ids=["one", "window", "window over two words", "every other", "each in its own word"],
)
async def test_no_call_uses_more_gas_than_its_bound(settings: adapter.Settings, numbers: list[int]) -> None:
    """Fresh wallets and long amounts: the bound holds, so no estimate is asked for, and it is not far off."""
    unguarded = msgspec.structs.replace(settings, mint_hour_max=INT63_MAX, mint_day_max=INT63_MAX)
    async with assembled(unguarded) as bench:
        await bench.people.limit(capacity=2**63, window_s=1)
        await bench.submit(*[mint(number, amount=0x1111_1111_1111 + number) for number in numbers])
        async with running(bench.adapter.lanes[0].run, bench.adapter.follower.run):
            await bench.settled(numbers)
        [(hash_, gas)] = await bench.rows(
            "select hash, gas from chain.blockchain_transactions join chain.slots using (lane, nonce)"
        )
        receipt = await bench.lever.call("eth_getTransactionReceipt", f"0x{hash_.hex()}")
        used = int(receipt["gasUsed"], 16)
        assert used <= gas
        if len(numbers) > 1:
            assert gas <= used * 105 // 100


async def nonce_of(node: EmbeddedAnvil, account: str) -> int:
    """Return how many transactions an account has sent."""
    async with Node.open((node.url,), chain_id=CHAIN_ID, timeout_s=5) as reached:
        [count] = await reached.ask([("eth_getTransactionCount", [account, "latest"])])
    return int(count, 16)

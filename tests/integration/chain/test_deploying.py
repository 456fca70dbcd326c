"""Deploying again, whenever and after whatever: one token, or a refusal that says what to do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import msgspec
import pytest

from cashback.chain.gateway.node import Node
from cashback.chain.model import ChainUnavailable, DeploymentUnknown, WrongChain
from cashback.chain.rules.transaction import created_address
from cashback.chain.service.deploying import OWN_TRANSACTIONS_MAX, Deployer, Plan
from cashback.kernel.config import Secret
from cashback.processes import contracts
from cashback.processes.embedded import EmbeddedAnvil
from cashback.processes.signing import address
from tests.integration.chain.levers import ACCOUNTS, Lever
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.support import CHAIN_ID, MNEMONIC, deployed
from tests.integration.chain.waiting import eventually

DEPLOYER = address(ACCOUNTS[0])
OFFER = "eth_sendRawTransaction"


@pytest.fixture
async def node_of(empty_node: EmbeddedAnvil) -> AsyncIterator[Node]:
    """Give the chain without contracts as our gateway reaches it."""
    async with Node.open((empty_node.url,), chain_id=CHAIN_ID, timeout_s=5) as node:
        yield node


@pytest.fixture
def lever(node_of: Node) -> Lever:
    """Give levers on that chain."""
    return Lever(node_of)


def settings_for(node: EmbeddedAnvil, **changes: object) -> contracts.Settings:
    """Return the settings of a deployment by the development chain's first account."""
    settings = contracts.Settings(
        rpc_urls=(node.url,), chain_id=CHAIN_ID, key_mnemonic=Secret(MNEMONIC), admin_delay_s=0
    )
    return msgspec.structs.replace(settings, **changes)


async def used_up(lever: Lever, nonces: int) -> None:
    """Return once the deployer has sent so many transactions, or looks as if it had."""
    await lever.call("anvil_setNonce", ACCOUNTS[0], hex(nonces))


async def sent(lever: Lever, tag: str = "latest") -> int:
    """Return how many transactions the deployer has sent."""
    return int(await lever.call("eth_getTransactionCount", ACCOUNTS[0], tag), 16)


async def test_a_key_with_a_past_finds_what_it_deployed_newest_first(empty_node: EmbeddedAnvil, lever: Lever) -> None:
    """After twenty transactions of other kinds, and with as many after it, the token is found and not made anew."""
    await used_up(lever, 20)
    first = await deployed(empty_node.url)
    assert address(first.token) == created_address(DEPLOYER, 20)
    await used_up(lever, 60)
    again = await deployed(empty_node.url)
    assert again == msgspec.structs.replace(first, is_new=False)
    assert await sent(lever) == 60


async def test_a_past_that_is_too_long_to_search_is_refused(empty_node: EmbeddedAnvil, lever: Lever) -> None:
    """Rather than a second token; given the address of the token, and then of its minter, both are found."""
    first = await deployed(empty_node.url)
    await used_up(lever, OWN_TRANSACTIONS_MAX + 3)
    with pytest.raises(DeploymentUnknown, match="CASHBACK_TOKEN_ADDRESS"):
        await deployed(empty_node.url)
    with pytest.raises(DeploymentUnknown, match="CASHBACK_MINTER_ADDRESS"):
        await contracts.deploy(settings_for(empty_node, token_address=first.token))
    named = settings_for(empty_node, token_address=first.token, minter_address=first.minter)
    assert await contracts.deploy(named) == msgspec.structs.replace(first, is_new=False)
    assert await sent(lever) == OWN_TRANSACTIONS_MAX + 3


async def test_a_creation_that_was_not_mined_in_time_is_waited_for_and_not_repeated(
    empty_node: EmbeddedAnvil, lever: Lever
) -> None:
    """The first run ends while its transaction waits in the pool; the second goes on with that very token."""
    await lever.automine(is_on=False)
    first = asyncio.create_task(deployed(empty_node.url))
    await eventually(lambda: _is_pending(lever))
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    second = asyncio.create_task(deployed(empty_node.url))
    while not (await asyncio.wait({second}, timeout=0.2))[0]:
        await lever.mine()
    assert address(second.result().token) == created_address(DEPLOYER, 0)
    assert await sent(lever) == 3


async def test_a_minter_without_its_token_is_refused_before_anything_is_sent(
    empty_node: EmbeddedAnvil, lever: Lever
) -> None:
    """A new token would not be the one that it mints."""
    first = await deployed(empty_node.url)
    stranger = settings_for(empty_node, minter_address=first.minter, key_index=7)
    with pytest.raises(WrongChain, match="CASHBACK_TOKEN_ADDRESS"):
        await contracts.deploy(stranger)
    assert int(await lever.call("eth_blockNumber"), 16) == 3


async def _is_pending(lever: Lever) -> bool | None:
    """Tell whether a transaction of the deployer waits to be mined."""
    return True if await sent(lever, "pending") > await sent(lever) else None


async def test_what_stays_in_the_pool_is_told_instead_of_a_second_token(lever: Lever, node_of: Node) -> None:
    """The run that sends, and the next: both end by saying that a transaction is not mined, and one alone was sent."""
    await lever.automine(is_on=False)
    for words in ("not mined within", "are not mined yet"):
        with pytest.raises(ChainUnavailable, match=words):
            await deployer(node_of, mined_within_s=0.5).deploy(PLAN)
    assert (await sent(lever), await sent(lever, "pending")) == (0, 1)


async def test_what_the_pool_drops_is_offered_again_until_it_is_mined(empty_node: EmbeddedAnvil, lever: Lever) -> None:
    """The same bytes each time: a node that forgot what it accepted makes neither a failure nor a second token."""
    await lever.automine(is_on=False)
    async with Proxy.before(empty_node.url) as proxy, Node.open((proxy.url,), chain_id=CHAIN_ID, timeout_s=5) as node:
        deploying = asyncio.create_task(deployer(node, mined_within_s=60, offered_again_s=0.1).deploy(PLAN))
        for _ in range(3):
            await eventually(lambda: _is_pending(lever))
            await lever.call("anvil_dropAllTransactions")
            offers = proxy.asked.count(OFFER)
            await eventually(partial(_is_offered_again, lever, proxy, offers))
            await lever.mine()
        assert (await deploying).token == created_address(DEPLOYER, 0)
    assert await sent(lever) == 3


async def test_a_receipt_that_comes_after_its_nonce_is_counted_is_waited_for(
    empty_node: EmbeddedAnvil, lever: Lever
) -> None:
    """A node may count a transaction before it has its receipt: that is no sign of another one in its place."""
    async with Proxy.before(empty_node.url) as proxy, Node.open((proxy.url,), chain_id=CHAIN_ID, timeout_s=5) as node:
        proxy.once("eth_getTransactionReceipt", {"result": None})
        assert (await deployer(node, mined_within_s=60).deploy(PLAN)).token == created_address(DEPLOYER, 0)
    assert await sent(lever) == 3


async def _is_offered_again(lever: Lever, proxy: Proxy, offers: int) -> bool | None:
    """Tell whether more than so many offers were made, and the last one waits to be mined."""
    return await _is_pending(lever) if proxy.asked.count(OFFER) > offers else None


async def test_two_deployments_side_by_side_make_one_token(empty_node: EmbeddedAnvil, lever: Lever) -> None:
    """Each signs for the nonce up to which it searched, so that of two at once one alone can be mined."""
    both = await asyncio.gather(deployed(empty_node.url), deployed(empty_node.url), return_exceptions=True)
    assert [one for one in both if isinstance(one, contracts.Deployed)]
    again = await deployed(empty_node.url)
    assert address(again.token) == created_address(DEPLOYER, 0)
    assert address(again.minter) == created_address(DEPLOYER, 1)
    assert await sent(lever) <= 4


async def test_addresses_given_beforehand_are_where_the_contracts_come_to_stand(
    empty_node: EmbeddedAnvil, lever: Lever
) -> None:
    """So .env.example names those of a fresh development chain; an address that will not come about is refused."""
    token, minter = (f"0x{created_address(DEPLOYER, nonce).hex()}" for nonce in (0, 1))
    for wrong in ({"token_address": minter}, {"token_address": token, "minter_address": token}):
        with pytest.raises(WrongChain, match="nothing stands at"):
            await contracts.deploy(settings_for(empty_node, **wrong))
    assert await sent(lever) == 0
    named = settings_for(empty_node, token_address=token, minter_address=minter)
    first, again = await contracts.deploy(named), await contracts.deploy(named)
    assert (first.token.lower(), first.minter.lower(), first.is_new) == (token, minter, True)
    assert again == msgspec.structs.replace(first, is_new=False)


PLAN = Plan(
    name="Cashback",
    symbol="CBK",
    supply_cap=10**18,
    admin_delay_s=0,
    operators=(address(ACCOUNTS[1]),),
    guardian=address(ACCOUNTS[2]),
    mint_capacity=10**12,
    mint_window_s=86_400,
)


def deployer(node: Node, *, mined_within_s: float, offered_again_s: float = 3.0) -> Deployer:
    """Return a deployer that waits so long."""
    settings = contracts.Settings(rpc_urls=("http://127.0.0.1:1",), chain_id=CHAIN_ID, key_mnemonic=Secret(MNEMONIC))
    return Deployer(
        node,
        signer=settings.signer(),
        chain_id=CHAIN_ID,
        limits=settings.fee_limits,
        mined_within_s=mined_within_s,
        offered_again_s=offered_again_s,
    )

"""The minter role passes from one module to the next while the adapter's calls to the old one are in flight."""

from collections.abc import Sequence

import msgspec
import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from cashback.chain.gateway.artefact import artefact
from cashback.processes import adapter
from tests.integration.chain.levers import ACCOUNTS
from tests.integration.chain.support import Bench, assembled, mint, running, serving
from tests.integration.chain.waiting import eventually

CAPACITY, WINDOW_S = 10**15, 86_400
BEFORE, IN_FLIGHT, AFTER = (1, 2), (3, 4, 5, 6, 7), (8, 9)
"""Numbers that the old module mints, that are signed for it when it loses the role, and that come after that."""


async def next_module(bench: Bench) -> str:
    """Return the address of another module for the same token, with the same keys; it has no role yet."""
    admin, operator, guardian, _ = ACCOUNTS
    arguments = encode(
        ["address", "uint48", "address", "address", "address", "uint208", "uint48"],
        [bench.settings.token_address, 0, admin, operator, guardian, CAPACITY, WINDOW_S],
    )
    code = artefact("CashbackMinter").creation(arguments)
    call = {"from": admin, "data": f"0x{code.hex()}", "gas": hex(5_000_000)}
    hash_ = await bench.lever.call("eth_sendTransaction", call)

    async def look() -> dict[str, str] | None:
        return await bench.lever.call("eth_getTransactionReceipt", hash_)  # type: ignore[no-any-return]  # parsed JSON

    receipt = await eventually(look)
    assert receipt["status"] == "0x1"
    return receipt["contractAddress"]


async def hand_over(bench: Bench, following: str) -> None:
    """Send the one transaction that passes the role, at a price that goes before everybody else."""
    selector = keccak(text="replaceMinter(address,address)")[:4]
    calldata = selector + encode(["address", "address"], [bench.settings.minter_address, following])
    await bench.people._send(ACCOUNTS[0], calldata, is_first=True, to=bench.settings.token_address)


async def minted_once_by(bench: Bench, numbers: Sequence[int]) -> dict[str, list[int]]:
    """Return which module minted each of `numbers`, by the target of the transaction; each has exactly one log."""
    assert [await bench.logs_of(number) for number in numbers] == [1] * len(numbers)
    by: dict[str, list[int]] = {}
    for view in await bench.views(numbers):
        sent = await bench.lever.call("eth_getTransactionByHash", f"0x{view.transaction_hash.hex()}")
        by.setdefault(sent["to"].lower(), []).append(view.number)
    return by


def with_small_batches(settings: adapter.Settings) -> adapter.Settings:
    """Return settings under which the mints in flight are several calls."""
    return msgspec.structs.replace(settings, batch_mints=2, resend_ms=200)


@pytest.mark.invariant("I2", "I9", "I10")
@pytest.mark.parametrize("is_mined_first", [True, False], ids=["reverted before the restart", "in no block by then"])
async def test_the_role_passes_on_while_mints_are_in_flight_and_nothing_is_lost_or_doubled(
    settings: adapter.Settings, *, is_mined_first: bool
) -> None:
    """Calls to the old module revert and mark nothing; when that is final the same numbers go to the new one, once."""
    old = with_small_batches(settings)
    async with serving(old) as bench:
        following = await next_module(bench)
        await bench.submit(*(mint(number, amount=number) for number in BEFORE))
        await bench.reached(BEFORE, "included", "safe")  # in a block, but not final when the role passes on
        await bench.lever.automine(is_on=False)
        await bench.submit(*(mint(number, amount=number) for number in IN_FLIGHT))
        in_flight = await bench.reached(IN_FLIGHT, "submitted")
        await bench.sent()
        calls = {view.transaction_hash for view in in_flight}
        assert len(calls) == 3
        if is_mined_first:
            await hand_over(bench, following)
            await bench.lever.mine()
            assert await bench.revert_reason() == "role_missing"
    if not is_mined_first:
        async with assembled(old) as bench:
            for call in calls:
                await bench.lever.call("anvil_dropTransaction", f"0x{call.hex()}")
            await hand_over(bench, following)
            await bench.lever.mine()
    new = msgspec.structs.replace(old, minter_address=following)
    async with assembled(new) as bench:
        await bench.lever.automine(is_on=True)
        await bench.submit(*(mint(number, amount=number) for number in AFTER))
        async with running(bench.adapter.lanes[0].run, bench.adapter.follower.run):
            everything = [*BEFORE, *IN_FLIGHT, *AFTER]
            outcomes = await bench.settled(everything)
            assert await bench.revert_reason() == "role_missing"
            assert sorted((outcome.mint.number, outcome.kind) for outcome in outcomes) == [
                (number, "minted") for number in everything
            ]
            assert await minted_once_by(bench, everything) == {
                old.minter_address.lower(): [*BEFORE],
                following.lower(): [*IN_FLIGHT, *AFTER],
            }
            nonces = [attempt[0] for attempt in await bench.attempts()]
            assert sorted(set(nonces)) == [*range(max(nonces) + 1)]
            assert (await bench.adapter.reading.status()).total_supply == sum(everything)

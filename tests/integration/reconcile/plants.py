"""One lie of each kind, planted into databases or chain behind everybody's back; each returns where it is told of."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from cashback.chain.model import Address
from cashback.processes.reconcile import Kind
from tests.integration.reconcile.bookings import supply_unexplained
from tests.integration.reconcile.deeds import (
    SLOTS_MAX,
    forget_numbers,
    long_after,
    mint_elsewhere,
    mint_silently,
    settle,
    take,
    terms_of,
)
from tests.integration.reconcile.story import Scene

FOREIGN: Final = 999
"""A number that the ledger never gave out."""

STRANGER: Final = Address(b"\x99" * 20)

ELSEWHERE: Final = bytes(19) + b"\xee"
"""Where the token's own code goes when another one takes its place."""

EIGHT_DECIMALS: Final = bytes.fromhex(
    # Is it decimals()? Otherwise delegate to the token's own code, and hand on what that returns or reverts with.
    "60003560e01c63313ce56714604557"
    f"36600060003760006000366000 73{ELSEWHERE.hex()} 5af43d600060003e604057 3d6000fd 5b3d6000f3"
    "5b600860005260206000f3"
)
"""A contract that answers 8 to decimals() and is the one `ELSEWHERE` in all other things."""

Plant: TypeAlias = Callable[[Scene], Awaitable[str]]


async def missing_log(scene: Scene) -> str:
    """Tell the ledger of a mint that the chain never saw."""
    number = scene.story.requested[0]
    await settle(scene, number, block_number=3)
    return f"mint {number} "


async def ledger_only(scene: Scene) -> str:
    """Tell the ledger, and nobody else, of a mint that the chain never saw."""
    number = scene.story.requested[0]
    await settle(scene, number, block_number=3, is_recorded=False)
    scene.spoil("minting", "delete from minting.mints where number = %s", number)
    return f"mint {number} "


async def unsettled_log(scene: Scene) -> str:
    """Mint what was requested, tell nobody, and let a day pass on the chain."""
    number = scene.story.requested[0]
    await mint_silently(scene, number)
    await long_after(scene)
    return f"mint {number} "


async def unexpected_log(scene: Scene) -> str:
    """Mint past everybody with another operator's key."""
    await mint_elsewhere(scene, FOREIGN, STRANGER, 1)
    return f"mint {FOREIGN}"


async def duplicate_log(scene: Scene) -> str:
    """Make the contract forget its numbers, and mint one of them again."""
    number = scene.story.minted[0]
    await forget_numbers(scene)
    recipient, amount = terms_of(scene, number)
    await mint_elsewhere(scene, number, recipient, amount)
    return f"mint {number}"


async def wrong_amount(scene: Scene) -> str:
    """Mint one unit more than was requested."""
    number = scene.story.requested[0]
    recipient, amount = terms_of(scene, number)
    await mint_elsewhere(scene, number, recipient, amount + 1)
    return f"mint {number} "


async def wrong_recipient(scene: Scene) -> str:
    """Mint what was requested to somebody else."""
    number = scene.story.requested[0]
    _, amount = terms_of(scene, number)
    await mint_elsewhere(scene, number, STRANGER, amount)
    return f"mint {number} "


async def wrong_place(scene: Scene) -> str:
    """Mint what was requested, and tell the ledger of another block."""
    number = scene.story.requested[0]
    recipient, amount = terms_of(scene, number)
    await mint_elsewhere(scene, number, recipient, amount)
    await settle(scene, number, block_number=1)
    return f"mint {number} "


async def record_missing(scene: Scene) -> str:
    """Have minting forget a mint that it reported."""
    number = scene.story.minted[0]
    scene.spoil("minting", "delete from minting.mints where number = %s", number)
    return f"mint {number} "


async def record_unexpected(scene: Scene) -> str:
    """Hand minting a request that the ledger never made."""
    await take(scene, FOREIGN, STRANGER, 1)
    return f"mint {FOREIGN}"


async def record_differs(scene: Scene) -> str:
    """Have minting remember another amount than was requested."""
    number = scene.story.minted[0]
    scene.spoil("minting", "update minting.mints set amount = amount + 1 where number = %s", number)
    return f"mint {number} "


async def supply_differs(scene: Scene) -> str:
    """Make a unit out of nothing, in the contract's own storage."""
    status = await scene.bench.adapter.reading.status()
    token, lever = scene.bench.settings.token_address, scene.bench.lever
    for slot in range(SLOTS_MAX):
        value = int(await lever.call("eth_getStorageAt", token, hex(slot), "latest"), 16)
        if value == status.total_supply:
            await lever.call("anvil_setStorageAt", token, f"0x{slot:064x}", f"0x{value + 1:064x}")
            await scene.finalise()
            return "block "
    raise AssertionError("the supply stands nowhere in the contract's storage")


async def nonce_gap(scene: Scene) -> str:
    """Have the adapter forget the slot of a nonce that the chain has used."""
    scene.spoil("chain", "delete from chain.slots where nonce = 0")
    return "nonce 0 of 0x"


async def reorganised(scene: Scene) -> str:
    """Have the chain replace blocks that were final when a run without a difference ended at them."""
    before = await scene.bench.lever.call("evm_snapshot")
    await scene.finalise()
    at_block = (await scene.reconciled()).at_block
    assert await scene.bench.lever.call("evm_revert", before)
    await scene.bench.lever.call("evm_increaseTime", hex(100))
    await scene.finalise()
    return f"block {at_block}"


async def role_lost(scene: Scene) -> str:
    """Have the token's admin take the role from the minter."""
    await scene.bench.people.revoke_minter(scene.bench.settings.token_address)
    return "minter"


async def minter_paused(scene: Scene) -> str:
    """Have a guardian pause the minter."""
    await scene.bench.people.pause()
    return "minter"


async def decimals_changed(scene: Scene) -> str:
    """Put a contract in the token's place that has 8 decimals, and is the token in all other things."""
    token, lever = scene.bench.settings.token_address, scene.bench.lever
    await lever.call("anvil_setCode", f"0x{ELSEWHERE.hex()}", await lever.call("eth_getCode", token, "latest"))
    await lever.call("anvil_setCode", token, f"0x{EIGHT_DECIMALS.hex()}")
    return "token"


async def stale_finality(scene: Scene) -> str:
    """Have the chain go on for half a day without another final block."""
    await scene.bench.lever.call("evm_increaseTime", hex(43_200))
    await scene.bench.lever.mine(1)
    return "block "


async def wallet_differs(scene: Scene) -> str:
    """Note another wallet of a user in purchases alone."""
    [user] = scene.one("cashback", "select user_id from ledger.recipients order by user_id limit 1")
    statement = "insert into purchases.wallets (user_id, address, linked_at) values (%s, %s, now())"
    scene.spoil("cashback", statement, user, f"0x{STRANGER.hex()}")
    return f"user {user}"


async def books_differ(scene: Scene) -> str:
    """Give a user money that nobody posted."""
    query = "select id from ledger.accounts where kind = 'approved' order by id limit 1"
    [account] = scene.one("cashback", query)
    scene.spoil("cashback", "update ledger.accounts set balance = balance + 1 where id = %s", account)
    return "I8 balance_unproved"


async def retired_minted(scene: Scene) -> str:
    """Have the ledger give a number up that is minted."""
    number = scene.story.minted[0]
    statement = """
        insert into ledger.retired_numbers
            (number, cashback_id, recipient, request, requested_at, requested_units, reason, person, at)
        select mint_number, id, recipient, request, requested_at, requested_units, 'a lie', 'mallory', now()
        from ledger.cashback_ledger
        where mint_number = %s
    """
    scene.spoil("cashback", statement, number)
    return f"mint {number} "


PLANTS: Final[Mapping[Kind, Plant]] = {
    Kind.MISSING_LOG: missing_log,
    Kind.LEDGER_ONLY: ledger_only,
    Kind.UNSETTLED_LOG: unsettled_log,
    Kind.UNEXPECTED_LOG: unexpected_log,
    Kind.DUPLICATE_LOG: duplicate_log,
    Kind.WRONG_AMOUNT: wrong_amount,
    Kind.WRONG_RECIPIENT: wrong_recipient,
    Kind.WRONG_PLACE: wrong_place,
    Kind.RETIRED_MINTED: retired_minted,
    Kind.RECORD_MISSING: record_missing,
    Kind.RECORD_UNEXPECTED: record_unexpected,
    Kind.RECORD_DIFFERS: record_differs,
    Kind.REORGANISED: reorganised,
    Kind.SUPPLY_DIFFERS: supply_differs,
    Kind.SUPPLY_UNEXPLAINED: supply_unexplained,
    Kind.NONCE_GAP: nonce_gap,
    Kind.ROLE_LOST: role_lost,
    Kind.MINTER_PAUSED: minter_paused,
    Kind.DECIMALS_CHANGED: decimals_changed,
    Kind.STALE_FINALITY: stale_finality,
    Kind.BOOKS_DIFFER: books_differ,
    Kind.WALLET_DIFFERS: wallet_differs,
}

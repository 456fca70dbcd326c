"""What happens behind everybody's back: mints and blocks on the chain, requests and outcomes in the databases."""

from typing import Final

from eth_utils.crypto import keccak

from cashback.chain.model import Address, Mint
from cashback.events.minting import TokenMinted
from cashback.kernel.money import TokenUnits
from cashback.minting import MintRequest, Requests
from tests.integration.ledger.world import START
from tests.integration.reconcile.story import CLOCK, Scene

SLOTS_MAX: Final = 32
"""So many slots of storage are looked through for one of a contract's values."""


async def long_after(scene: Scene) -> None:
    """Let a day pass on the chain, and the blocks after it become final."""
    await scene.bench.lever.call("anvil_mine", hex(24), hex(3_600))
    await scene.finalise()


async def mint_silently(scene: Scene, number: int) -> None:
    """Mint what was requested past everybody who should know, and let it become final."""
    recipient, amount = terms_of(scene, number)
    await mint_elsewhere(scene, number, recipient, amount)


async def settle(scene: Scene, number: int, *, block_number: int, is_recorded: bool = True) -> None:
    """Have the ledger believe that a number was minted, in a transaction and a block of our choice.

    Minting has its request, unless nothing `is_recorded` there.
    """
    recipient, amount = terms_of(scene, number)
    if is_recorded:
        await take(scene, number, recipient, amount)
    [cashback_id] = scene.one("cashback", "select id from ledger.cashback_ledger where mint_number = %s", number)
    async with scene.ledger() as ledger:
        await ledger.settle(
            TokenMinted(
                mint_number=str(number),
                cashback_id=cashback_id,
                token_units=str(amount),
                transaction_hash=f"0x{'ab' * 32}",
                block_number=str(block_number),
                block_hash=f"0x{'cd' * 32}",
            )
        )


async def take(scene: Scene, number: int, recipient: Address, amount: int) -> None:
    """Hand minting a request."""
    found = "select id from ledger.cashback_ledger where mint_number = %s union all select 'cb_foreign' limit 1"
    [cashback_id] = scene.one("cashback", found, number)
    request = MintRequest(
        number=number, cashback_id=cashback_id, recipient=recipient, amount=TokenUnits(amount), requested_at=START
    )
    async with scene.minting() as database, database.transaction() as tx:
        await Requests(CLOCK).take(tx, [request])


async def mint_elsewhere(scene: Scene, number: int, recipient: Address, amount: int) -> None:
    """Mint past the adapter, and let it become final."""
    await scene.bench.people.mint_elsewhere(Mint(number, "nobody's", recipient, amount))
    await scene.finalise()


async def forget_numbers(scene: Scene) -> None:
    """Clear the contract's bitmap of used numbers: the word of the lowest ones, wherever the compiler put it."""
    token, lever = scene.bench.settings.token_address, scene.bench.lever
    used = sum(1 << number for number in scene.story.minted)
    for slot in range(SLOTS_MAX):
        place = f"0x{keccak(bytes(32) + slot.to_bytes(32)).hex()}"
        if int(await lever.call("eth_getStorageAt", token, place, "latest"), 16) == used:
            await lever.call("anvil_setStorageAt", token, place, f"0x{0:064x}")
            return
    raise AssertionError("the bitmap stands nowhere in the contract's storage")


def terms_of(scene: Scene, number: int) -> tuple[Address, int]:
    """Return recipient and amount that were requested under a number."""
    query = "select recipient, token_units from ledger.cashback_ledger where mint_number = %s"
    recipient, amount = scene.one("cashback", query, number)
    return Address(bytes.fromhex(recipient.removeprefix("0x"))), amount

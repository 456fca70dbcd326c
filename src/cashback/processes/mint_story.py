"""`cashback mint show`: one mint as minting and as the adapter know it, read from both databases."""

import msgspec

from cashback.chain.model import MintStory
from cashback.chain.service.auditing import Audit
from cashback.kernel.config import Dsn
from cashback.kernel.db import Database
from cashback.minting import Mint, Readings


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the two memories are; reading roles are enough."""

    minting_audit_dsn: Dsn
    chain_audit_dsn: Dsn


class Story(msgspec.Struct, frozen=True):
    """One mint in both memories; the adapter's is None until the mint was accepted.

    `now_under` is the newest number of its cashback: another one, once this one was retired and given up.
    """

    minting: Mint
    adapter: MintStory | None
    now_under: int


async def story(settings: Settings, name: str) -> Story:
    """Return the mint with a number, or for a cashback.

    Raises:
        MintNotFound: nobody requested it.
        DatabaseUnavailable: one of the two did not answer.
    """
    async with (
        Database.open(settings.minting_audit_dsn.value, name="cashback mint", connections_max=1) as minting,
        Database.open(settings.chain_audit_dsn.value, name="cashback mint", connections_max=1) as chain,
    ):
        readings = Readings(minting)
        mint = await readings.find(name)
        newest = await readings.show_for(mint.cashback_id)
        return Story(mint, await Audit(chain).mint(mint.number), newest.number)

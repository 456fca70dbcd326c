"""Users with their wallets, and merchants, looked for by what people know of them."""

from cashback.kernel.db import Database
from cashback.kernel.listing import Stretch, id_place
from cashback.kernel.page import number_of
from cashback.purchases.model import Merchant, User, UserUnknown, WalletInvalid
from cashback.purchases.model.listing import MerchantFilter, UserFilter, WalletStory
from cashback.purchases.rules import is_wallet
from cashback.purchases.store import listing as store
from cashback.purchases.store import people
from cashback.purchases.store.standing import USERS, is_known


class Directory:
    """Lists users, their wallets, and merchants."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def users(self, asked: UserFilter, stretch: Stretch) -> tuple[list[User], str | None]:
        """Return a page of users by id, each with the wallet in use, and the place of the next one.

        Raises:
            WalletInvalid: what is asked for is no wallet.
            CursorInvalid: the place is none of ours.
        """
        if asked.wallet is not None and not is_wallet(asked.wallet):
            raise WalletInvalid("a wallet is an EVM address with its EIP-55 checksum", parameter="wallet")
        behind = id_place(stretch.place, "usr")
        async with self._database.transaction() as tx:
            ids, place = await store.users(tx, asked, order=stretch.order, behind=behind, limit=stretch.limit)
            found = await people.read_users(tx, ids) if ids else {}
        return [found[id_] for id_ in ids], place

    async def wallets(self, user_id: str, stretch: Stretch) -> tuple[list[WalletStory], str | None]:
        """Return a page of all wallets that a user ever had, in the order they were linked, and the next one's place.

        Raises:
            UserUnknown: there is no such user.
            CursorInvalid: the place is none of ours.
        """
        behind = None if stretch.place is None else number_of(stretch.place, first=0)
        async with self._database.transaction() as tx:
            if not await is_known(tx, USERS, user_id):
                raise UserUnknown("there is no such user", parameter="user_id")
            items, place = await store.wallets(tx, user_id, order=stretch.order, behind=behind, limit=stretch.limit)
        return items, None if place is None else str(place)

    async def merchants(self, asked: MerchantFilter, stretch: Stretch) -> tuple[list[Merchant], str | None]:
        """Return a page of merchants by id, and the place of the next one.

        Raises:
            CursorInvalid: the place is none of ours.
        """
        behind = id_place(stretch.place, "mer")
        async with self._database.transaction() as tx:
            ids, place = await store.merchants(tx, asked, order=stretch.order, behind=behind, limit=stretch.limit)
            found = await people.read_merchants(tx, ids) if ids else {}
        return [found[id_] for id_ in ids], place

"""All that is known of a user, as one document: written a page at a time, each page as of when it is read.

noted who asks ──▶ the user, the balances ──▶ wallets ──▶ purchases ──▶ ... ──▶ disclosures, this one included

That it is told is noted before anything is told, and stays noted when the telling is cut off.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec

from cashback import ledger
from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.ids import is_id
from cashback.kernel.instants import EARLIEST, LATEST
from cashback.kernel.listing import Order, Stretch
from cashback.kernel.seats import Seats
from cashback.purchases.model import User, UserUnknown
from cashback.purchases.model.listing import PurchaseFilter, WalletStory
from cashback.purchases.model.ownership import ChallengeAnswer, WalletChange
from cashback.purchases.model.privacy import Asker, Disclosed, Disclosure, OwnedMerchant
from cashback.purchases.model.refunds import RefundAnswer
from cashback.purchases.model.standing import BlockItem
from cashback.purchases.service.directory import Directory
from cashback.purchases.service.listing import Lists, PurchaseItem
from cashback.purchases.service.ownership import Ownership
from cashback.purchases.service.parked_answers import as_applied
from cashback.purchases.service.standing import Standings
from cashback.purchases.store import people
from cashback.purchases.store import privacy as store

__all__ = ["Exports", "UserExport"]

PAGE: Final = 200
"""So many rows are read, and in memory, at a time."""

AT_ONCE_MAX: Final = 4
"""How many may be under way in a process: each reads for as long as ten minutes."""

AT_ONCE_OF_ONE: Final = 1
"""How many of them may be one API key's."""

Place: TypeAlias = Any
"""Where a page starts: what the page before it said, whatever that is; None starts at the beginning."""

Pages: TypeAlias = Callable[[Place], Awaitable[tuple[Sequence[Any], Place]]]
"""Returns the page that starts at a place, and the next one's place, None behind the last."""

_encoder: Final = msgspec.json.Encoder(order="deterministic")


class UserExport(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a user.

    `balances` are those of `made_at`, `merchants` those that the user owns. Lists begin with what is oldest, those of
    wallet changes, blocks and adjustments with what is newest. What happens while it is written may be in one list and
    not yet in another.
    """

    made_at: datetime
    user: User
    balances: ledger.BalanceAt
    wallets: list[WalletStory]
    wallet_challenges: list[ChallengeAnswer]
    wallet_changes: list[WalletChange]
    blocks: list[BlockItem]
    merchants: list[OwnedMerchant]
    purchases: list[PurchaseItem]
    refunds: list[RefundAnswer]
    cashback: list[ledger.CashbackItem]
    adjustments: list[ledger.AdjustmentAnswer]
    statement: list[ledger.StatementLine]
    disclosures: list[Disclosure]


class Exports:
    """Tells all that is known of a user, and notes that it did."""

    def __init__(  # each named where it is made
        self,
        database: Database,
        *,
        clock: Clock,
        directory: Directory,
        lists: Lists,
        ownership: Ownership,
        standings: Standings,
        statements: ledger.Statements,
        adjustments: ledger.AdjustmentReadings,
    ) -> None:
        """Read from `database`, by those who know each list."""
        self._database = database
        self._clock = clock
        self._directory = directory
        self._lists = lists
        self._ownership = ownership
        self._standings = standings
        self._statements = statements
        self._adjustments = adjustments
        self._seats = Seats("exports")

    def seat(self, party: str | None) -> AbstractContextManager[None]:
        """Have an export be one of few that are under way at a time.

        Raises:
            Overloaded: so many are.
        """
        return self._seats.taken(party, most=AT_ONCE_MAX, of_one=AT_ONCE_OF_ONE)

    async def require(self, user_id: str) -> None:
        """Return when there is such a user; nothing is noted, since nothing is told.

        Raises:
            UserUnknown: there is none.
        """
        async with self._database.transaction() as tx:
            await _user(tx, user_id)

    async def export(self, user_id: str, asker: Asker) -> AsyncIterator[bytes]:
        """Note who asks, and return a `UserExport`, a piece at a time.

        Raises:
            UserUnknown: there is no such user; nothing is noted.
        """
        now = self._clock.now()
        async with self._database.transaction() as tx:
            user = await _user(tx, user_id)
            await store.note(tx, user_id, Disclosed.EXPORT, asker, at=now)
        balances = await self._statements.balance_at(user_id, known_at=now)
        return self._pieces(user, balances, now)

    async def _pieces(self, user: User, balances: ledger.BalanceAt, now: datetime) -> AsyncIterator[bytes]:
        """Yield the document of a user."""
        yield _encoder.encode({"made_at": now, "user": user, "balances": balances})[:-1]
        for name, pages in self._sections(user.id).items():
            yield b',"' + name.encode() + b'":['
            behind, between = None, b""
            while True:
                items, behind = await pages(behind)
                if items:
                    yield between + b",".join(_encoder.encode(item) for item in items)
                    between = b","
                if behind is None:
                    break
            yield b"]"
        yield b"}"

    def _sections(self, id_: str) -> dict[str, Pages]:
        """Return what gives each list of the document, by its name."""
        bought = PurchaseFilter(user_id=id_)
        earned = ledger.CashbackFilter(user_id=id_)

        return {
            "wallets": lambda place: self._directory.wallets(id_, _stretch(place)),
            "wallet_challenges": lambda place: self._challenges(id_, place),
            "wallet_changes": lambda place: self._ownership.changes(id_, place=place, limit=PAGE),
            "blocks": lambda place: self._standings.blocks(id_, place=place, limit=PAGE),
            "merchants": lambda place: self._owned(id_, place),
            "purchases": lambda place: self._bought(bought, place),
            "refunds": lambda place: self._refunds(bought, place),
            "cashback": lambda place: self._lists.cashbacks(earned, _stretch(place), seen_by=None),
            "adjustments": lambda place: self._adjustments.page(user_id=id_, place=place, limit=PAGE),
            "statement": lambda place: self._lines(id_, place),
            "disclosures": lambda place: self._disclosures(id_, place),
        }

    async def _bought(self, bought: PurchaseFilter, place: Place) -> tuple[Sequence[PurchaseItem], Place]:
        """Return a page of the user's purchases."""
        return await self._lists.purchases(bought, _stretch(place), seen_by=None, expand=frozenset())

    async def _challenges(self, user_id: str, place: Place) -> tuple[Sequence[ChallengeAnswer], Place]:
        """Return a page of what the user's wallets were asked to sign."""
        async with self._database.transaction() as tx:
            found = await store.challenges(tx, user_id, behind=place, limit=PAGE)
        last = found[-1] if len(found) == PAGE else None
        return found, None if last is None else (last.issued_at, last.nonce)

    async def _owned(self, user_id: str, place: Place) -> tuple[Sequence[OwnedMerchant], Place]:
        """Return a page of the merchants that the user owns."""
        async with self._database.transaction() as tx:
            found = await store.owned(tx, user_id, behind=place or "", limit=PAGE)
        return found, found[-1].id if len(found) == PAGE else None

    async def _refunds(self, bought: PurchaseFilter, place: Place) -> tuple[Sequence[RefundAnswer], Place]:
        """Return what was returned of a page of the user's purchases, or more of that.

        A place is a page of purchases, and behind which of their refunds it goes on.
        """
        of, behind = place or (None, ("", 0))
        purchases, following = await self._bought(bought, of)
        async with self._database.transaction() as tx:
            found = await store.refunds(tx, [one.id for one in purchases], behind=behind, limit=PAGE)
            answers = await as_applied(tx, [answer for _, _, answer in found])
        told = [msgspec.json.decode(answer, type=RefundAnswer) for answer in answers]
        if len(found) == PAGE:
            purchase_id, position, _ = found[-1]
            return told, (of, (purchase_id, position))
        return told, None if following is None else (following, ("", 0))

    async def _lines(self, user_id: str, place: Place) -> tuple[Sequence[ledger.StatementLine], Place]:
        """Return a page of what moved for the user, money and tokens in turns."""
        page = await self._statements.page(user_id, since=EARLIEST, until=LATEST, cursor=place, limit=PAGE)
        return [*page.money_lines, *page.token_lines], page.next_cursor

    async def _disclosures(self, user_id: str, place: Place) -> tuple[Sequence[Disclosure], Place]:
        """Return a page of who had the user's data told or erased."""
        async with self._database.transaction() as tx:
            found = await store.disclosures(tx, user_id, behind=place or 0, limit=PAGE)
        return list(found.values()), max(found) if len(found) == PAGE else None


async def _user(tx: Tx, user_id: str) -> User:
    """Return a user.

    Raises:
        UserUnknown: there is none.
    """
    user = (await people.read_users(tx, [user_id])).get(user_id) if is_id(user_id, "usr") else None
    if user is None:
        raise UserUnknown("there is no such user", parameter="user_id")
    return user


def _stretch(place: str | None) -> Stretch:
    """Return a page of a list from its oldest item on."""
    return Stretch(order=Order.ASC, place=place, limit=PAGE)

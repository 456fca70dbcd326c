"""Users with their wallets, and merchants; each command once, as purchases are."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

import msgspec

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Rejected
from cashback.kernel.ids import new_id
from cashback.kernel.mistakes import first_of
from cashback.kernel.telemetry import logger
from cashback.purchases.model import (
    Command,
    Merchant,
    MerchantUnknown,
    NewMerchant,
    NewUser,
    NewWallet,
    Outcome,
    Recorded,
    Refused,
    User,
    UserUnknown,
)
from cashback.purchases.model.ownership import COOLDOWN_S, WalletProof
from cashback.purchases.rules import (
    problem_of_blanks,
    problem_of_key,
    problem_of_merchant,
    problem_of_user,
    problem_of_wallet,
)
from cashback.purchases.service.alone import do_alone
from cashback.purchases.service.once import Applied, Once, Operation, but_known, outcome_of
from cashback.purchases.service.presence import lock_owners, problem_of_owners
from cashback.purchases.service.wallets import WalletSetting, link, problems_of_sharing
from cashback.purchases.store import people as store
from cashback.purchases.store.wallets import Linked

BATCH_MAX: Final = 500

C = TypeVar("C", bound=Command)
_encoder: Final = msgspec.json.Encoder(order="deterministic")
log = logger(__name__)


class People:
    """Creates users and merchants, sets wallets, and reads them."""

    def __init__(self, database: Database, *, clock: Clock, cooldown_s: int = COOLDOWN_S) -> None:
        """Work on `database`; a change of what somebody has proved waits for `cooldown_s`."""
        self._database = database
        self._clock = clock
        self._cooldown_s = cooldown_s

    async def create_users(self, users: Sequence[NewUser]) -> list[Outcome]:
        """Create each user once, with or without a wallet; the answer is a `User`.

        Raises:
            DatabaseUnavailable: it is unknown whether they were created; the same call again finds out.
        """
        return await self._each_once(users, problem_of_user, _UserCreation)

    async def create_user(self, user: NewUser) -> Outcome:
        """Create one user, as `create_users` does."""
        return (await self.create_users([user]))[0]

    async def set_wallets(self, wallets: Sequence[NewWallet], *, seen: str | None = None) -> list[Outcome]:
        """Set each wallet once; the answer is the `User`. What was requested before goes where it was going.

        One that takes the place of a proved one waits, and is refused unless a person answers for it. With `seen` each
        of the users must still be as that.

        Raises:
            UserOutdated: one of them is not, and none of these is set.
            DatabaseUnavailable: it is unknown whether they were set; the same call again finds out.
            WalletProved: one of the users has proved another wallet this very moment; none of these is set.
        """
        setting = partial(WalletSetting, cooldown_s=self._cooldown_s, seen=seen)
        outcomes = await self._each_once(wallets, problem_of_wallet, setting)
        for command, outcome in zip(wallets, outcomes, strict=True):
            if isinstance(outcome, Recorded) and not outcome.is_replay:
                _log(command, msgspec.json.decode(outcome.answer, type=User))
        return outcomes

    async def set_wallet(self, wallet: NewWallet, *, seen: str | None = None) -> Outcome:
        """Set one wallet, as `set_wallets` does."""
        return (await self.set_wallets([wallet], seen=seen))[0]

    async def create_merchants(self, merchants: Sequence[NewMerchant]) -> list[Outcome]:
        """Create each merchant once; the answer is a `Merchant`.

        Raises:
            DatabaseUnavailable: it is unknown whether they were created; the same call again finds out.
        """
        return await self._each_once(merchants, problem_of_merchant, _MerchantCreation)

    async def create_merchant(self, merchant: NewMerchant) -> Outcome:
        """Create one merchant, as `create_merchants` does."""
        return (await self.create_merchants([merchant]))[0]

    async def user(self, user_id: str) -> User:
        """Return one user.

        Raises:
            UserUnknown: there is none.
        """
        async with self._database.transaction() as tx:
            found = await store.read_users(tx, [user_id])
        if user_id not in found:
            raise UserUnknown("there is no such user", parameter="user_id")
        return found[user_id]

    async def users_named(self, references: Sequence[str]) -> dict[str, list[str]]:
        """Return the ids of the users that the operator calls so; more than one where a name was given twice."""
        if not references:
            return {}
        async with self._database.transaction() as tx:
            return await store.read_ids_by_reference(tx, references)

    async def merchant(self, merchant_id: str) -> Merchant:
        """Return one merchant.

        Raises:
            MerchantUnknown: there is none.
        """
        async with self._database.transaction() as tx:
            found = await store.read_merchant(tx, merchant_id)
        if found is None:
            raise MerchantUnknown("there is no such merchant", parameter="merchant_id")
        return found

    async def _each_once(
        self,
        commands: Sequence[C],
        problem_of: Callable[[C], Rejected | None],
        operation: Callable[[datetime], Operation[C]],
    ) -> list[Outcome]:
        """Refuse what is unsound and do the rest in batches, each command once."""
        outcomes: list[Outcome] = []
        for start in range(0, len(commands), BATCH_MAX):
            batch, now = commands[start : start + BATCH_MAX], self._clock.now()
            problems = [first_of(problem_of_key(command), problem_of(command)) for command in batch]
            sound = [command for command, problem in zip(batch, problems, strict=True) if not problem]
            making = partial(operation, now)
            if len(sound) == 1:
                results = iter([await do_alone(self._database, making, sound[0], now=now)])
            else:
                results = iter(await Once(self._database, making, now=now).do(sound))
            outcomes += [Refused(problem) if problem else outcome_of(next(results)) for problem in problems]
        return outcomes


class _UserCreation:
    """Creates users."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    async def screen(self, tx: Tx, commands: Sequence[NewUser]) -> list[Rejected | None]:
        wanted = [None if command.wallet is None else (None, command.wallet) for command in commands]
        return await but_known(tx, commands, await problems_of_sharing(tx, commands, wanted))

    async def apply(self, tx: Tx, commands: Sequence[NewUser]) -> Applied:
        users = [
            User(
                id=new_id("usr"),
                reference=command.reference,
                wallet=command.wallet,
                wallet_proof=None if command.wallet is None else WalletProof.OPERATOR.value,
                tier=command.tier,
                tier_since=self._now if command.tier is not None else None,
                is_blocked=False,
                created_at=self._now,
            )
            for command in commands
        ]
        await store.insert_users(tx, users)
        linked = [Linked(user_id=user.id, wallet=user.wallet) for user in users if user.wallet is not None]
        await link(tx, linked, now=self._now)
        return _applied(users)


class _MerchantCreation:
    """Creates merchants."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    async def screen(self, tx: Tx, commands: Sequence[NewMerchant]) -> list[Rejected | None]:
        owners = sorted({owner for command in commands for owner in command.owners})
        known = await store.read_users(tx, owners) if owners else {}
        # A name of blanks was taken once: whoever repeats such a command is answered as then.
        problems = [
            first_of(problem_of_blanks(command.name, "/name"), problem_of_owners(command.owners, known))
            for command in commands
        ]
        return await but_known(tx, commands, problems)

    async def apply(self, tx: Tx, commands: Sequence[NewMerchant]) -> Applied:
        await lock_owners(tx, [command.owners for command in commands])
        merchants = [
            Merchant(
                id=new_id("mer"),
                name=command.name,
                mcc=command.mcc,
                owners=tuple(sorted(command.owners)),
                is_active=True,
                created_at=self._now,
            )
            for command in commands
        ]
        await store.insert_merchants(tx, merchants)
        return _applied(merchants)


def _applied(answers: Sequence[User] | Sequence[Merchant]) -> Applied:
    """Return what was done; nothing is published of people."""
    return Applied(answers=[_encoder.encode(answer) for answer in answers], about=[answer.id for answer in answers])


def _log(command: NewWallet, user: User) -> None:
    """Note that a wallet is in use from now on, or waits to be, and that a person answers for it, if one does."""
    is_linked = user.wallet == command.wallet
    log.info("wallet.linked" if is_linked else "wallet.waits", user_id=user.id)
    if command.person is not None:
        log.warning("order.given", order="NewWallet", user_id=user.id)

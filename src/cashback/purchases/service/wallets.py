"""Which wallet a user's cashback goes to, and of how many users one may be.

hold the wallets ──▶ refuse what is taken, or was proved otherwise ──▶ keys ──▶ lock the users ──▶ decide ──▶ store

Wallets are held before any key, and users are locked after it, by everybody: so nobody waits in a circle. Who is held
up sees what the other has done, in both contexts alike. What is known is answered as it was, whoever has the wallet.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from cashback import ledger
from cashback.kernel.db import Tx
from cashback.kernel.errors import Rejected
from cashback.kernel.ids import new_id
from cashback.purchases.model import Command, NewWallet, User, UserUnknown
from cashback.purchases.model.ownership import Ended, WalletChange, WalletProof, WalletStanding, WalletTaken, Wish
from cashback.purchases.rules.ownership import course_of
from cashback.purchases.service.editing import seen_user
from cashback.purchases.service.once import Applied, but_known
from cashback.purchases.store import people
from cashback.purchases.store import wallets as store
from cashback.purchases.store.idempotency import Key, owned_key
from cashback.purchases.store.wallets import Linked

Pair: TypeAlias = tuple[str | None, str]
"""A user, None who is yet to be, and a wallet."""

_encoder: Final = msgspec.json.Encoder(order="deterministic")


async def problems_of_sharing(
    tx: Tx, commands: Sequence[Command], wanted: Sequence[Pair | None]
) -> list[Rejected | None]:
    """Return for each command whether the wallet that it wants, if any, is somebody else's; then nobody else links it.

    Those that wait to have a wallet count as if they had it. What is known already is not refused here.
    """
    problems: list[Rejected | None] = [None] * len(commands)
    asked = [(place, pair) for place, pair in enumerate(wanted) if pair is not None]
    pairs = [pair for _, pair in asked]
    if not pairs:
        return problems
    shared = await ledger.hold_wallets(tx, pairs)
    waiting = await store.wanted_by_others(tx, pairs)
    joined: dict[str, set[str | Key]] = {}
    for (place, (user_id, wallet)), one, others in zip(asked, shared, waiting, strict=True):
        who = user_id or owned_key(commands[place])
        beside = joined.setdefault(wallet, set())
        if who not in beside and not one.has_room(beside=others + len(beside)):
            problems[place] = WalletTaken("this wallet is another user's", pointer="/wallet")
        elif not one.is_own:
            beside.add(who)
    return problems


class Moves:
    """Wishes of one transaction, one after the other, and what is to be stored of them."""

    def __init__(self, standings: Mapping[str, WalletStanding], *, now: datetime, cooldown_s: int) -> None:
        """Begin with how it stands with each user, who is locked."""
        self._standings = dict(standings)
        self._now = now
        self._cooldown_s = cooldown_s
        self._linked: list[Linked] = []
        self._made: dict[str, tuple[WalletChange, str | None]] = {}
        self._superseded: list[str] = []

    def take(self, wish: Wish) -> tuple[WalletStanding, WalletChange | None]:
        """Return how it stands with a user after a wish, and the change that it is, unless it is bare.

        Raises:
            Rejected: nothing may become of it as things stand; roll the transaction back.
        """
        standing = self._standings[wish.user_id]
        course = course_of(standing, wish, now=self._now, cooldown_s=self._cooldown_s)
        if isinstance(course, Rejected):
            raise course
        if standing.waiting is not None:
            self._supersede(standing.waiting)
        is_at_once = course.is_at_once(self._now)
        change = None if wish.is_bare else self._changed(wish, course.effective_at, is_at_once=is_at_once)
        wallet, proof = standing.wallet, standing.proof
        if is_at_once and course.is_linked:
            wallet, proof = wish.wallet, wish.proof
            self._linked.append(Linked(user_id=wish.user_id, wallet=wallet, proof=proof))
        after = WalletStanding(
            wallet=wallet,
            proof=proof,
            waiting=None if is_at_once else change,
            was_proved=standing.was_proved or wish.proof is WalletProof.SIGNED,
        )
        self._standings[wish.user_id] = after
        return after, change

    async def store(self, tx: Tx) -> None:
        """Store what came of all wishes, and tell the ledger where cashback goes from now on."""
        if self._superseded:
            await store.end(tx, self._superseded, as_=Ended.SUPERSEDED, at=self._now)
        if self._made:
            changes, nonces = zip(*self._made.values(), strict=True)
            await store.insert(tx, changes, nonces)
        await link(tx, self._linked, now=self._now)

    def _changed(self, wish: Wish, effective_at: datetime, *, is_at_once: bool) -> WalletChange:
        """Return a new change, which has ended already where it has nothing to wait for."""
        change = WalletChange(
            id=new_id("whc"),
            user_id=wish.user_id,
            wallet=wish.wallet,
            proof=wish.proof,
            person=wish.person,
            reason=wish.reason,
            asked_at=self._now,
            effective_at=effective_at,
            ended_at=self._now if is_at_once else None,
            ended_as=Ended.APPLIED if is_at_once else None,
        )
        self._made[change.id] = (change, wish.nonce)
        return change

    def _supersede(self, waiting: WalletChange) -> None:
        """Have a change give way to what is wished now, be it stored or not yet."""
        if waiting.id in self._made:
            _, nonce = self._made[waiting.id]
            ended = msgspec.structs.replace(waiting, ended_at=self._now, ended_as=Ended.SUPERSEDED)
            self._made[waiting.id] = (ended, nonce)
        else:
            self._superseded.append(waiting.id)


class WalletSetting:
    """Sets wallets by an operator's word; an instance serves one transaction."""

    def __init__(self, now: datetime, *, cooldown_s: int, seen: str | None = None) -> None:
        """Set them as of `now`, of users who are as `seen`; what has to wait does so for `cooldown_s`."""
        self._now = now
        self._cooldown_s = cooldown_s
        self._seen = seen

    async def screen(self, tx: Tx, commands: Sequence[NewWallet]) -> list[Rejected | None]:
        """Refuse who is not there, what is somebody else's, and what the user has proved otherwise."""
        taken = await problems_of_sharing(tx, commands, [(command.user_id, command.wallet) for command in commands])
        standings = await store.standings(tx, sorted({command.user_id for command in commands}))
        problems = [
            UserUnknown("there is no such user", parameter="user_id")
            if command.user_id not in standings
            else self._problem(standings[command.user_id], command) or problem
            for command, problem in zip(commands, taken, strict=True)
        ]
        return await but_known(tx, commands, problems)

    async def apply(self, tx: Tx, commands: Sequence[NewWallet]) -> Applied:
        """Link each wallet, or let it wait; who is not as seen, or proved another one just now, takes all along."""
        users = sorted({command.user_id for command in commands})
        # Whoever comes second must be second both here and in the ledger, or one would show a wallet and the other mint
        # to another. Taken after the keys, as by everybody: nobody waits in a circle.
        await people.lock_users(tx, users)
        if self._seen is not None:
            for user_id in users:
                await seen_user(tx, user_id, self._seen)
        moves = Moves(await store.standings(tx, users), now=self._now, cooldown_s=self._cooldown_s)
        after = [moves.take(_wish(command))[0] for command in commands]
        await moves.store(tx)
        known = await people.read_users(tx, users)
        told = [_told(known[command.user_id], one) for command, one in zip(commands, after, strict=True)]
        return Applied(answers=[_encoder.encode(user) for user in told], about=[user.id for user in told])

    def _problem(self, standing: WalletStanding, command: NewWallet) -> Rejected | None:
        """Return why nothing becomes of a command as things stand, or None."""
        course = course_of(standing, _wish(command), now=self._now, cooldown_s=self._cooldown_s)
        return course if isinstance(course, Rejected) else None


async def link(tx: Tx, wallets: Sequence[Linked], *, now: datetime) -> None:
    """Note wallets here, and tell the ledger where cashback goes from now on; they are held, and their users locked."""
    if wallets:
        await store.link(tx, wallets, at=now)
        await ledger.link_wallets(tx, {one.user_id: one.wallet for one in wallets}, now=now)


def _told(user: User, standing: WalletStanding) -> User:
    """Return a user as it stood after one of several commands."""
    waiting = standing.waiting
    return msgspec.structs.replace(
        user,
        wallet=standing.wallet,
        wallet_proof=None if standing.proof is None else standing.proof.value,
        next_wallet=None if waiting is None else waiting.wallet,
        next_wallet_at=None if waiting is None else waiting.effective_at,
    )


def _wish(command: NewWallet) -> Wish:
    """Return what a command asks for."""
    return Wish(
        user_id=command.user_id,
        wallet=command.wallet,
        person=None if command.person is None else command.person.strip(),
        reason=None if command.reason is None else command.reason.strip(),
    )

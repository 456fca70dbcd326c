"""Proving that a wallet is a user's: a challenge, its signature, and the change that follows (ERC-4361).

    challenge ──▶ the person signs ──▶ answered before? ──▶ the adapter judges ──▶ one transaction:
                                                            nonce used, change stored, wallet linked or waiting

The adapter is asked outside any transaction. Of two proofs with one nonce the second finds it used. What a challenge
binds stands in its message: our domain, our chain, the wallet, the nonce, and the user whose cashback it is about.
Whoever else has something signed by the same wallet, for another site, chain, user or time, has proved nothing here.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

import msgspec

from cashback import ledger
from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Rejected
from cashback.kernel.ids import is_id, random_bytes
from cashback.kernel.money import INT63_MAX
from cashback.kernel.page import number_of
from cashback.kernel.telemetry import logger
from cashback.purchases.model import Outcome, Recorded, Refused, UserUnknown
from cashback.purchases.model.ownership import (
    CHALLENGES_MAX,
    ChainForeign,
    Challenge,
    ChallengeAnswer,
    ChallengeExpired,
    ChallengesTooMany,
    ChallengeUnknown,
    ChallengeUsed,
    ChangeCancellation,
    NewChallenge,
    NewProof,
    OwnershipPolicy,
    ProofsOff,
    SignatureInvalid,
    WalletChange,
    WalletChangeEnded,
    WalletChangeUnknown,
    WalletProof,
    Wish,
)
from cashback.purchases.rules import problem_of_challenge, problem_of_key
from cashback.purchases.rules.ownership import (
    challenge_of,
    digest_of,
    is_in_our_name,
    is_nonce,
    octets_of,
    told_challenge,
)
from cashback.purchases.service.alone import do_alone, known_before
from cashback.purchases.service.once import Applied, answered, but_known, outcome_of
from cashback.purchases.service.orders import Orders
from cashback.purchases.service.presence import lock_present
from cashback.purchases.service.wallets import Moves, problems_of_sharing
from cashback.purchases.store import challenges, people, wallets

__all__ = ["Ownership"]

NONCE_BYTES: Final = 16

_encoder: Final = msgspec.json.Encoder(order="deterministic")
log = logger(__name__)


class Ownership:
    """Challenges wallets, takes their proofs, and tells and cancels what follows from them."""

    def __init__(
        self,
        database: Database,
        signatures: ledger.Signatures,
        *,
        clock: Clock,
        orders: Orders,
        policy: OwnershipPolicy,
    ) -> None:
        """Prove in the name and for the chain that `policy` says."""
        self._database = database
        self._signatures = signatures
        self._clock = clock
        self._orders = orders
        self._policy = policy

    async def challenge(self, asked: NewChallenge) -> Outcome:
        """Make a challenge once; the answer is a `ChallengeAnswer`.

        Raises:
            DatabaseUnavailable: it is unknown whether it was made; the same call again finds out.
        """
        if problem := problem_of_challenge(asked):
            return Refused(problem)
        return await self._orders.do(asked, partial(self._challenge, asked))

    async def prove(self, proof: NewProof) -> Outcome:
        """Take a proof once; the answer is the `WalletChange` that follows, which has ended where it was at once.

        Raises:
            AdapterUnavailable, ChainForeign: nobody tells whose signature it is, and nothing is used up.
            DatabaseUnavailable: it is unknown whether it was taken; the same call again finds out.
        """
        if problem := problem_of_key(proof):
            return Refused(problem)
        if (known := await known_before(self._database, proof, now=self._clock.now())) is not None:
            return known
        try:
            return await self._prove(proof)
        except Rejected as refusal:
            # The first request under this key may have used the challenge up meanwhile.
            known = await answered(self._database, proof, now=self._clock.now())
            return known or Refused(refusal)

    async def changes(self, user_id: str, *, place: str | None, limit: int) -> tuple[list[WalletChange], str | None]:
        """Return a page of the changes that were asked of a user's wallet, newest first, and where the next one starts.

        Raises:
            UserUnknown: there is no such user.
            CursorInvalid: `place` is none of ours.
        """
        before = number_of(place, first=INT63_MAX)
        async with self._database.transaction() as tx:
            if not await people.read_users(tx, [user_id]):
                raise UserUnknown("there is no such user", parameter="user_id")
            found = await wallets.page(tx, user_id, before=before, limit=limit + 1)
        kept = list(found)[:limit]
        return [found[position] for position in kept], str(kept[-1]) if len(found) > limit else None

    async def cancel(self, cancellation: ChangeCancellation) -> Outcome:
        """Have a change that waits take no effect, once; the answer is the `WalletChange`.

        Raises:
            DatabaseUnavailable: it is unknown whether it was cancelled; the same call again finds out.
        """
        result = await self._orders.do_signed(cancellation, _cancel)
        if isinstance(result, Recorded) and not result.is_replay:
            name = type(cancellation).__name__
            log.warning("order.given", order=name, user_id=cancellation.user_id, change_id=cancellation.change_id)
        return result

    def _require_name(self) -> None:
        """Return when there is a name to prove wallets in.

        Raises:
            ProofsOff: nothing is asked of wallets here.
        """
        if not self._policy.domain:
            raise ProofsOff("this system was not told in whose name wallets are proved")

    async def _challenge(self, asked: NewChallenge, tx: Tx, now: datetime) -> ChallengeAnswer:
        """Return a new challenge.

        Raises:
            UserUnknown, UserErased: there is no such user, or no more.
            ChallengesTooMany: the user has as many as may be open.
            ProofsOff: nothing is asked of wallets here.
        """
        self._require_name()
        await lock_present(tx, asked.user_id)
        if await challenges.count_open(tx, asked.user_id, now=now) >= CHALLENGES_MAX:
            raise ChallengesTooMany(f"{CHALLENGES_MAX} challenges of this user are open: answer one, or wait")
        made = challenge_of(
            self._policy, user_id=asked.user_id, wallet=asked.wallet, nonce=random_bytes(NONCE_BYTES).hex(), now=now
        )
        await challenges.insert(tx, made, by_key=asked.key_id)
        return told_challenge(made)

    async def _prove(self, proof: NewProof) -> Outcome:
        """Have the signature judged, and do the rest in one transaction.

        Raises:
            Rejected: nothing is proved by it.
            Unavailable: nobody tells.
        """
        self._require_name()
        challenge = await self._open(proof)
        signature = octets_of(proof.signature)
        judged = await self._signatures.judge(challenge.wallet, digest_of(challenge), signature)
        if judged.chain_id != self._policy.chain_id:
            raise ChainForeign(f"the adapter judges on chain {judged.chain_id}, not on {self._policy.chain_id}")
        if judged.verdict is ledger.SignatureVerdict.INVALID:
            raise SignatureInvalid("the wallet has not signed this message", pointer="/signature")
        now = self._clock.now()
        making = partial(_Proving, now, self._policy, challenge, judged.verdict.value, signature)
        result = outcome_of(await do_alone(self._database, making, proof, now=now))
        if isinstance(result, Recorded) and not result.is_replay:
            change = msgspec.json.decode(result.answer, type=WalletChange)
            name = "wallet.waits" if change.ended_at is None else "wallet.linked"
            log.info(name, user_id=change.user_id, change_id=change.id, signed_by=judged.verdict.value)
        return result

    async def _open(self, proof: NewProof) -> Challenge:
        """Return the challenge that a proof answers, which may still be answered.

        Raises:
            ChallengeUnknown, ChallengeUsed, ChallengeExpired: there is none.
        """
        found = None
        if is_nonce(proof.nonce):
            async with self._database.transaction() as tx:
                found = await challenges.read(tx, proof.nonce)
        # Another user's is told in the very words of none.
        if found is None or found.user_id != proof.user_id:
            raise ChallengeUnknown("there is no such challenge for this user", pointer="/nonce")
        _check(found, self._policy, now=self._clock.now())
        return found


class _Proving:
    """Takes a proof that was judged; an instance serves one transaction."""

    def __init__(
        self, now: datetime, policy: OwnershipPolicy, challenge: Challenge, signed_by: str, signature: bytes
    ) -> None:
        self._now = now
        self._policy = policy
        self._challenge = challenge
        self._signed_by = signed_by
        self._signature = signature

    async def screen(self, tx: Tx, commands: Sequence[NewProof]) -> list[Rejected | None]:
        pairs = [(command.user_id, self._challenge.wallet) for command in commands]
        return await but_known(tx, commands, await problems_of_sharing(tx, commands, pairs))

    async def apply(self, tx: Tx, commands: Sequence[NewProof]) -> Applied:
        [command] = commands
        await people.lock_users(tx, [command.user_id])
        nonce = command.nonce
        if not await challenges.use(tx, nonce, signed_by=self._signed_by, signature=self._signature, at=self._now):
            _check(await challenges.read(tx, nonce), self._policy, now=self._now)
            raise ChallengeExpired("the challenge has ended: ask for another one", pointer="/nonce")
        standings = await wallets.standings(tx, [command.user_id])
        moves = Moves(standings, now=self._now, cooldown_s=self._policy.cooldown_s)
        wish = Wish(user_id=command.user_id, wallet=self._challenge.wallet, proof=WalletProof.SIGNED, nonce=nonce)
        _, change = moves.take(wish)
        await moves.store(tx)
        return Applied(answers=[_encoder.encode(change)], about=[None if change is None else change.id])


def _check(challenge: Challenge | None, policy: OwnershipPolicy, *, now: datetime) -> None:
    """Return when a challenge may still be answered.

    Raises:
        ChallengeUnknown: it was forgotten.
        ChallengeUsed: it was answered.
        ChallengeExpired: it has ended, or is for another domain, URI or chain than ours by now.
    """
    if challenge is None:
        raise ChallengeUnknown("there is no such challenge for this user", pointer="/nonce")
    if challenge.used_at is not None:
        raise ChallengeUsed("the challenge was answered before: ask for another one", pointer="/nonce")
    if challenge.expires_at <= now or not is_in_our_name(challenge, policy):
        raise ChallengeExpired("the challenge has ended: ask for another one", pointer="/nonce")


async def _cancel(cancellation: ChangeCancellation, tx: Tx, now: datetime) -> WalletChange:
    """Return a change that was cancelled now.

    Raises:
        WalletChangeUnknown: the user has none of that id.
        WalletChangeEnded: it does not wait any more.
    """
    await people.lock_users(tx, [cancellation.user_id])
    change_id = cancellation.change_id
    change = (await wallets.read(tx, [change_id])).get(change_id) if is_id(change_id, "whc") else None
    if change is None or change.user_id != cancellation.user_id:
        raise WalletChangeUnknown("there is no such change of the user's wallet", parameter="change_id")
    if change.ended_at is not None:
        raise WalletChangeEnded("the change does not wait any more", parameter="change_id")
    await wallets.cancel(tx, change_id, person=cancellation.person, reason=cancellation.reason, at=now)
    return (await wallets.read(tx, [change_id]))[change_id]

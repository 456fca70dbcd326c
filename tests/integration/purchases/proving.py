"""Wallets that sign, and the service that has them prove whose they are, with an adapter that judges."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from eth_account import Account
from eth_account.messages import encode_defunct

from cashback.ledger.gateway import Adapter
from cashback.ledger.service import Signatures
from cashback.purchases.model import OPERATOR, NewWallet, Outcome, Refused, User
from cashback.purchases.model.ownership import ChallengeAnswer, NewChallenge, NewProof, OwnershipPolicy, WalletChange
from cashback.purchases.service import CoolDown, Orders, Ownership
from tests.integration.ledger.world import World, decoded, new_key
from tests.support.adapter import HOST, FakeAdapter
from tests.support.fake_signatures import FAKE_CHAIN_ID

POLICY: Final = OwnershipPolicy(
    domain="app.example.com", uri="https://app.example.com/wallet", chain_id=FAKE_CHAIN_ID, cooldown_s=3_600
)


class Holder(msgspec.Struct, frozen=True):
    """Somebody with a key, and the wallet that it opens."""

    key: bytes
    address: str

    def sign(self, message: str) -> str:
        """Return the signature of a text, as a wallet tells it."""
        return "0x" + bytes(Account.sign_message(encode_defunct(text=message), self.key).signature).hex()


def holder(number: int) -> Holder:
    """Return one of many holders, the same for the same number."""
    key = (number + 1).to_bytes(32)
    return Holder(key, str(Account.from_key(key).address))


class Proving:
    """What the API does with challenges and proofs, over one world and one adapter."""

    def __init__(self, world: World, adapter: Adapter, *, policy: OwnershipPolicy = POLICY) -> None:
        """Prove in the name that `policy` says."""
        orders = Orders(world.api, clock=world.clock)
        self.world = world
        self.ownership = Ownership(world.api, Signatures(adapter), clock=world.clock, orders=orders, policy=policy)
        self.cooldown = CoolDown(world.api, clock=world.clock)

    async def challenge(self, user: User, wallet: str) -> ChallengeAnswer:
        """Return a new challenge."""
        asked = NewChallenge(owner=OPERATOR, key=new_key(), key_id=None, user_id=user.id, wallet=wallet)
        return decoded(await self.ownership.challenge(asked), ChallengeAnswer)

    async def answer(self, user: User, nonce: str, signature: str, *, key: str = "") -> Outcome:
        """Return what becomes of a signature."""
        proof = NewProof(owner=OPERATOR, key=key or new_key(), user_id=user.id, nonce=nonce, signature=signature)
        return await self.ownership.prove(proof)

    async def prove(self, user: User, who: Holder) -> Outcome:
        """Return what becomes of a wallet that a user proves."""
        asked = await self.challenge(user, who.address)
        return await self.answer(user, asked.nonce, who.sign(asked.message))

    async def proved(self, user: User, who: Holder) -> WalletChange:
        """Return the change of a wallet that is proved."""
        return decoded(await self.prove(user, who), WalletChange)

    async def user(self, user: User) -> User:
        """Return a user as it stands, which the ledger must agree with."""
        found = await self.world.people.user(user.id)
        assert (await self.world.readings.balances_of_user(user.id))[0] == found.wallet
        return found

    async def linked(self, user: User) -> list[tuple[str, str]]:
        """Return every wallet that a user had, with its proof, in order."""
        rows = await self.world.rows(
            "select address, proof from purchases.wallets where user_id = %s order by position", user.id
        )
        return [(row[0], row[1]) for row in rows]


def set_to(user: User, wallet: str, *, person: str | None = None, key: str = "") -> NewWallet:
    """Return the command that sets a wallet by an operator's word, in a person's name if one is told."""
    reason = None if person is None else "it was asked for on the phone"
    return NewWallet(owner=OPERATOR, key=key or new_key(), user_id=user.id, wallet=wallet, person=person, reason=reason)


def code_of(outcome: Outcome) -> str:
    """Return why something was refused."""
    assert isinstance(outcome, Refused), outcome
    return outcome.error.code


@asynccontextmanager
async def judging() -> AsyncIterator[tuple[FakeAdapter, Adapter]]:
    """Give an adapter that judges, and the way to it."""
    async with FakeAdapter.serving() as fake, Adapter.open(f"{HOST}:{fake.port}") as adapter:
        yield fake, adapter

"""Whose wallet it is: nothing but this challenge, signed by this wallet, in time and once, proves it (I7)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
from eth_account import Account
from grpclib.const import Status

from cashback.kernel import siwe
from cashback.kernel.addresses import checksum_address
from cashback.kernel.errors import Unavailable
from cashback.kernel.ids import new_id
from cashback.ledger.gateway import Adapter
from cashback.purchases.model import OPERATOR, Recorded
from cashback.purchases.model.ownership import (
    CHALLENGE_S,
    CHALLENGES_MAX,
    Ended,
    NewChallenge,
    OwnershipPolicy,
    WalletChange,
    WalletProof,
)
from tests.integration.ledger.world import Dsns, World, decoded, new_key, open_world
from tests.integration.purchases.proving import POLICY, Proving, code_of, holder, judging
from tests.support.adapter import FakeAdapter

OTHERWISE = {
    "domain": {"domain": "app.example.org"},
    "scheme": {"scheme": "https"},
    "uri": {"uri": "https://app.example.com/Wallet"},
    "chain": {"chain_id": 1},
    "nonce": {"nonce": "0" * 32},
    "address": {"address": holder(99).address},
    "user": {"statement": "Send the cashback of user usr_01k9z3v6q8e2r9xw5t4c7m1n0p to this wallet."},
    "without-statement": {"statement": None},
    "issued": {"issued_at": "2026-03-01T11:59:59Z"},
    "expires": {"expiration_time": "2036-03-01T12:10:00Z"},
    "never-expires": {"expiration_time": None},
}


@pytest.fixture
async def judge() -> AsyncIterator[tuple[FakeAdapter, Adapter]]:
    """Give an adapter that judges, and the way to it."""
    async with judging() as pair:
        yield pair


@pytest.fixture
def fake(judge: tuple[FakeAdapter, Adapter]) -> FakeAdapter:
    """Give the adapter."""
    return judge[0]


@pytest.fixture
def adapter(judge: tuple[FakeAdapter, Adapter]) -> Adapter:
    """Give the way to it."""
    return judge[1]


@pytest.fixture
def proving(world: World, adapter: Adapter) -> Proving:
    """Give the service."""
    return Proving(world, adapter)


async def unused(world: World) -> int:
    """Return how many challenges nobody has answered."""
    return int(await world.one("select count(*) from purchases.wallet_challenges where used_at is null"))


async def test_a_first_wallet_that_is_proved_is_used_at_once(proving: Proving) -> None:
    """Here and in the ledger, with the proof beside it; the challenge keeps what it was answered with."""
    user, anna = await proving.world.user(wallet=None), holder(1)
    change = await proving.proved(user, anna)
    assert (change.wallet, change.proof, change.ended_as) == (anna.address, WalletProof.SIGNED, Ended.APPLIED)
    assert change.asked_at == change.effective_at == change.ended_at
    found = await proving.user(user)
    assert (found.wallet, found.wallet_proof, found.next_wallet) == (anna.address, "eip4361", None)
    kept = await proving.world.rows("select signed_by, octet_length(signature) from purchases.wallet_challenges")
    assert kept == [("owner", 65)]


async def test_the_message_names_domain_chain_user_wallet_and_nonce(proving: Proving) -> None:
    """What a person reads in the wallet is what is bound, and it ends in ten minutes."""
    user, anna = await proving.world.user(wallet=None), holder(1)
    asked = await proving.challenge(user, anna.address)
    message = siwe.parse(asked.message)
    told = (message.domain, message.uri, message.chain_id, message.address, message.nonce)
    assert told == (POLICY.domain, POLICY.uri, POLICY.chain_id, anna.address, asked.nonce)
    assert user.id in str(message.statement)
    assert asked.expires_at - asked.issued_at == timedelta(seconds=CHALLENGE_S)
    assert siwe.instant_of(str(message.expiration_time)) == asked.expires_at


@pytest.mark.parametrize("changes", OTHERWISE.values(), ids=OTHERWISE)
async def test_a_message_that_differs_in_one_thing_proves_nothing(proving: Proving, changes: dict[str, object]) -> None:
    """Signed by the very wallet: refused, nothing is used up, and the challenge itself still proves."""
    user, anna = await proving.world.user(wallet=None), holder(1)
    asked = await proving.challenge(user, anna.address)
    foreign = siwe.write(msgspec.structs.replace(siwe.parse(asked.message), **changes))
    assert foreign != asked.message
    assert code_of(await proving.answer(user, asked.nonce, anna.sign(foreign))) == "signature_invalid"
    assert await proving.linked(user) == []
    assert isinstance(await proving.answer(user, asked.nonce, anna.sign(asked.message)), Recorded)


async def test_another_wallet_proves_nothing_nor_does_no_signature(proving: Proving) -> None:
    """Whoever holds another key, and whoever sends what is none."""
    user, anna, eve = await proving.world.user(wallet=None), holder(1), holder(2)
    asked = await proving.challenge(user, anna.address)
    assert code_of(await proving.answer(user, asked.nonce, eve.sign(asked.message))) == "signature_invalid"
    assert code_of(await proving.answer(user, asked.nonce, "0x")) == "signature_invalid"
    for text in ("", "0x0", "0xzz", anna.sign(asked.message)[2:], "0X00"):
        assert code_of(await proving.answer(user, asked.nonce, text)) == "signature_unreadable"
    assert code_of(await proving.answer(user, asked.nonce, "0x" + "00" * 8_193)) == "signature_misshapen"
    assert await proving.linked(user) == []


async def test_a_challenge_is_of_its_user_alone(proving: Proving) -> None:
    """For another one it is told in the words of one that there is not."""
    user, other, anna = await proving.world.user(wallet=None), await proving.world.user(wallet=None), holder(1)
    asked = await proving.challenge(user, anna.address)
    theirs = await proving.answer(other, asked.nonce, anna.sign(asked.message))
    none = await proving.answer(other, "0" * 32, anna.sign(asked.message))
    assert code_of(theirs) == code_of(none) == "challenge_unknown"
    for nonce in ("", "x", asked.nonce.upper(), asked.nonce + "\n"):
        assert code_of(await proving.answer(user, nonce, anna.sign(asked.message))) == "challenge_unknown"
    assert await proving.linked(other) == []


async def test_a_challenge_ends_in_time(proving: Proving) -> None:
    """At its end it proves nothing, the moment before it still does."""
    user, anna, bert = await proving.world.user(wallet=None), holder(1), holder(2)
    late, last = await proving.challenge(user, anna.address), await proving.challenge(user, bert.address)
    proving.world.clock.advance(timedelta(seconds=CHALLENGE_S) - timedelta(microseconds=1))
    assert isinstance(await proving.answer(user, last.nonce, bert.sign(last.message)), Recorded)
    proving.world.clock.advance(timedelta(microseconds=1))
    assert code_of(await proving.answer(user, late.nonce, anna.sign(late.message))) == "challenge_expired"


async def test_a_challenge_is_good_for_one_proof(proving: Proving) -> None:
    """Under another key it was used, also after the clock went back; under the same one the answer is the same."""
    user, anna = await proving.world.user(wallet=None), holder(1)
    asked, key = await proving.challenge(user, anna.address), new_key()
    first = await proving.answer(user, asked.nonce, anna.sign(asked.message), key=key)
    again = await proving.answer(user, asked.nonce, anna.sign(asked.message), key=key)
    assert isinstance(first, Recorded)
    assert again == Recorded(first.answer, is_replay=True)
    proving.world.clock.advance(-timedelta(minutes=1))
    assert code_of(await proving.answer(user, asked.nonce, anna.sign(asked.message))) == "challenge_used"
    assert await proving.linked(user) == [(anna.address, "eip4361")]


@pytest.mark.invariant("I7")
async def test_of_two_proofs_by_one_challenge_at_once_one_is_taken(
    proving: Proving, dsns: Dsns, adapter: Adapter
) -> None:
    """In two processes, eight times each: one links, all others are told that it was used (I7)."""
    user, anna = await proving.world.user(wallet=None), holder(1)
    asked = await proving.challenge(user, anna.address)
    async with open_world(dsns) as world:
        sides = [proving, Proving(world, adapter)] * 8
        outcomes = await asyncio.gather(*(side.answer(user, asked.nonce, anna.sign(asked.message)) for side in sides))
    refused = [outcome for outcome in outcomes if not isinstance(outcome, Recorded)]
    assert len(refused) == 15
    assert {code_of(outcome) for outcome in refused} == {"challenge_used"}
    assert await proving.linked(user) == [(anna.address, "eip4361")]


@pytest.mark.parametrize(
    "changes",
    [{"domain": "app.example.org"}, {"uri": "https://app.example.com/other"}, {"chain_id": 1}],
    ids=["domain", "uri", "chain"],
)
async def test_a_challenge_of_another_domain_uri_or_chain_is_over(
    proving: Proving, adapter: Adapter, changes: dict[str, object]
) -> None:
    """Settings that changed since make it worth nothing, whoever has signed it."""
    user, anna = await proving.world.user(wallet=None), holder(1)
    asked = await proving.challenge(user, anna.address)
    moved = Proving(proving.world, adapter, policy=msgspec.structs.replace(POLICY, **changes))
    assert code_of(await moved.answer(user, asked.nonce, anna.sign(asked.message))) == "challenge_expired"


async def test_an_adapter_of_another_chain_proves_nothing(proving: Proving, adapter: Adapter) -> None:
    """Nothing is used up: the operator mends a setting, and the same proof is sent again."""
    user, anna = await proving.world.user(wallet=None), holder(1)
    elsewhere = Proving(proving.world, adapter, policy=msgspec.structs.replace(POLICY, chain_id=5))
    asked = await elsewhere.challenge(user, anna.address)
    with pytest.raises(Unavailable) as failure:
        await elsewhere.answer(user, asked.nonce, anna.sign(asked.message))
    assert failure.value.code == "chain_foreign"
    assert await unused(proving.world) == 1


async def test_while_nobody_judges_nothing_is_proved_and_nothing_used(proving: Proving, fake: FakeAdapter) -> None:
    """The same proof under the same key works once the adapter is back."""
    user, anna = await proving.world.user(wallet=None), holder(1)
    asked, key = await proving.challenge(user, anna.address), new_key()
    fake.refusal = Status.UNAVAILABLE
    with pytest.raises(Unavailable):
        await proving.answer(user, asked.nonce, anna.sign(asked.message), key=key)
    assert (await unused(proving.world), await proving.linked(user)) == (1, [])
    fake.refusal = None
    assert isinstance(await proving.answer(user, asked.nonce, anna.sign(asked.message), key=key), Recorded)


async def test_a_contract_proves_by_its_owner(proving: Proving, fake: FakeAdapter) -> None:
    """As the adapter says (ERC-1271); which of the two it was is kept."""
    user, owner = await proving.world.user(wallet=None), holder(1)
    contract = checksum_address("0x" + "5c" * 20)
    fake.judge.owners[bytes.fromhex(contract[2:])] = bytes.fromhex(str(Account.from_key(owner.key).address)[2:])
    asked = await proving.challenge(user, contract)
    assert code_of(await proving.answer(user, asked.nonce, holder(2).sign(asked.message))) == "signature_invalid"
    change = decoded(await proving.answer(user, asked.nonce, owner.sign(asked.message)), WalletChange)
    assert change.wallet == contract
    assert await proving.world.one("select signed_by from purchases.wallet_challenges") == "contract"


async def test_challenges_are_bounded_and_forgotten_when_nobody_answers(proving: Proving) -> None:
    """So many of a user at once; those that ended a day ago are gone, an answered one stays as what proves."""
    user, anna = await proving.world.user(wallet=None), holder(1)
    await proving.proved(user, anna)
    for _ in range(CHALLENGES_MAX):
        await proving.challenge(user, anna.address)
    asked = NewChallenge(owner=OPERATOR, key=new_key(), user_id=user.id, wallet=anna.address)
    assert code_of(await proving.ownership.challenge(asked)) == "challenges_too_many"
    proving.world.clock.advance(timedelta(seconds=CHALLENGE_S))
    assert isinstance(await proving.ownership.challenge(asked), Recorded)
    proving.world.clock.advance(timedelta(days=1, seconds=CHALLENGE_S + 1))
    await proving.cooldown.round()
    rows = await proving.world.rows("select used_at is null from purchases.wallet_challenges")
    assert rows == [(False,)]


async def test_without_a_domain_nothing_is_asked_of_wallets(proving: Proving, adapter: Adapter) -> None:
    """Nor taken; whom there is not is told as such."""
    user, anna = await proving.world.user(wallet=None), holder(1)
    asked = await proving.challenge(user, anna.address)
    off = Proving(proving.world, adapter, policy=OwnershipPolicy())
    command = NewChallenge(owner=OPERATOR, key=new_key(), user_id=user.id, wallet=anna.address)
    assert code_of(await off.ownership.challenge(command)) == "proofs_off"
    assert code_of(await off.answer(user, asked.nonce, anna.sign(asked.message))) == "proofs_off"
    nobody = msgspec.structs.replace(command, user_id=new_id("usr"))
    assert code_of(await proving.ownership.challenge(nobody)) == "user_unknown"
    typo = msgspec.structs.replace(command, wallet=anna.address.lower())
    assert code_of(await proving.ownership.challenge(typo)) == "wallet_invalid"

"""Proving a wallet over REST: what a merchant's engineer sends and is told, and who may not."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import httpx
import msgspec
import pytest
import pytest_asyncio
from grpclib.const import Status

from cashback.kernel.ids import new_id
from cashback.purchases.model import User
from cashback.purchases.model.ownership import COOLDOWN_S
from cashback.purchases.service import CoolDown
from cashback.purchases.store import challenges
from tests.contract.rest.document import assert_problem
from tests.contract.rest.test_forgotten import again, forget
from tests.contract.rest.world import NOWHERE, Caller, Rest, instant, open_rest
from tests.integration.ledger.world import World, new_key, wallet_number
from tests.integration.purchases.proving import Holder, holder
from tests.support.adapter import HOST, FakeAdapter

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAID: Final = {"person": "bert", "reason": "it was not her"}


class Stage(msgspec.Struct, frozen=True):
    """An operator before an API with an adapter that judges."""

    rest: Rest
    operator: Caller
    fake: FakeAdapter


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(world: World) -> AsyncIterator[Stage]:
    """Give an API with such an adapter."""
    async with FakeAdapter.serving() as fake, open_rest(world, adapter_address=f"{HOST}:{fake.port}") as rest:
        yield Stage(rest, await rest.operator(), fake)


async def challenged(caller: Caller, user: User, who: Holder) -> dict[str, Any]:
    """Return a challenge."""
    response = await caller.post(f"/v1/users/{user.id}/wallet-challenges", {"wallet": who.address})
    assert response.status_code == 201, response.text
    told: dict[str, Any] = response.json()
    return told


async def answered(caller: Caller, user: User, nonce: str, signature: str, *, key: str = "") -> httpx.Response:
    """Return the answer to a proof."""
    body = {"nonce": nonce, "signature": signature}
    return await caller.post(f"/v1/users/{user.id}/wallet-proofs", body, key=key)


async def proved(caller: Caller, user: User, who: Holder) -> dict[str, Any]:
    """Return the change that follows from a proof."""
    asked = await challenged(caller, user, who)
    response = await answered(caller, user, asked["nonce"], who.sign(asked["message"]))
    assert response.status_code == 201, response.text
    told: dict[str, Any] = response.json()
    return told


async def test_a_wallet_is_proved_changed_and_shown(stage: Stage, world: World) -> None:
    """A first one at once, another one after a day; what waits is told beside the user, and in the list."""
    operator, user = stage.operator, await world.user(wallet=None)
    first, second = holder(201), holder(202)
    change = await proved(operator, user, first)
    assert (change["wallet"], change["proof"], change["ended_as"]) == (first.address, "eip4361", "applied")
    waits = await proved(operator, user, second)
    assert (waits["ended_at"], waits["person"]) == (None, None)
    assert instant(waits["effective_at"]) - instant(waits["asked_at"]) == timedelta(seconds=COOLDOWN_S)
    shown = (await operator.get(f"/v1/users/{user.id}")).json()
    assert (shown["wallet"], shown["wallet_proof"]) == (first.address, "eip4361")
    assert (shown["next_wallet"], shown["next_wallet_at"]) == (second.address, waits["effective_at"])
    page = (await operator.get(f"/v1/users/{user.id}/wallet-changes", params={"limit": 1})).json()
    assert page["items"] == [waits]
    rest = await operator.get(f"/v1/users/{user.id}/wallet-changes", params={"cursor": page["next_cursor"]})
    assert (rest.json()["items"], rest.json()["next_cursor"]) == ([change], None)
    world.clock.advance(timedelta(seconds=COOLDOWN_S))
    await CoolDown(world.api, clock=world.clock).round()
    assert (await operator.get(f"/v1/users/{user.id}")).json()["wallet"] == second.address


async def test_a_challenge_and_a_proof_are_answered_again_under_their_keys(stage: Stage, world: World) -> None:
    """Byte for byte, and marked; another body under the key is refused."""
    operator, user, who, key = stage.operator, await world.user(wallet=None), holder(203), new_key()
    path = f"/v1/users/{user.id}/wallet-challenges"
    asked = [await operator.post(path, {"wallet": who.address}, key=key) for _ in range(2)]
    assert asked[0].content == asked[1].content
    assert asked[1].headers["idempotency-replayed"] == "true"
    challenge, proof = asked[0].json(), new_key()
    signature = who.sign(challenge["message"])
    told = [await answered(operator, user, challenge["nonce"], signature, key=proof) for _ in range(2)]
    assert told[0].content == told[1].content
    assert told[1].headers["idempotency-replayed"] == "true"
    other = await answered(operator, user, challenge["nonce"], "0x", key=proof)
    assert_problem(other, 422, "idempotency_key_reused", parameter="Idempotency-Key")


async def test_each_refusal_has_its_code_and_its_place(stage: Stage, world: World) -> None:
    """And leaves nothing behind."""
    operator, rest, who = stage.operator, stage.rest, holder(204)
    user, other = await world.user(wallet=None), await world.user()
    asked, used = await challenged(operator, user, who), await challenged(operator, user, who)
    signature = who.sign(asked["message"])
    assert (await answered(operator, user, used["nonce"], who.sign(used["message"]))).status_code == 201
    before = await rest.stored()
    path = f"/v1/users/{user.id}/wallet-challenges"
    typo = await operator.post(path, {"wallet": who.address.lower()})
    assert_problem(typo, 422, "wallet_invalid", pointer="/wallet")
    nobody = await operator.post(f"/v1/users/{new_id('usr')}/wallet-challenges", {"wallet": who.address})
    assert_problem(nobody, 404, "user_unknown", parameter="user_id")
    theirs = await answered(operator, other, asked["nonce"], signature)
    assert_problem(theirs, 404, "challenge_unknown", pointer="/nonce")
    wrong = await answered(operator, user, asked["nonce"], holder(205).sign(asked["message"]))
    assert_problem(wrong, 422, "signature_invalid", pointer="/signature")
    assert_problem(
        await answered(operator, user, asked["nonce"], "x"), 422, "signature_unreadable", pointer="/signature"
    )
    again = await answered(operator, user, used["nonce"], who.sign(used["message"]))
    assert_problem(again, 409, "challenge_used", pointer="/nonce")
    taken = await operator.post(f"/v1/users/{other.id}/wallet", {"wallet": who.address})
    assert_problem(taken, 409, "wallet_taken", pointer="/wallet")
    kept = await operator.post(f"/v1/users/{user.id}/wallet", {"wallet": wallet_number(205)})
    assert_problem(kept, 409, "wallet_proved", pointer="/wallet")
    half = await operator.post(f"/v1/users/{user.id}/wallet", {"wallet": wallet_number(205), "person": "bert"})
    assert_problem(half, 422, "field_invalid", pointer="/reason")
    world.clock.advance(timedelta(minutes=10))
    late = await answered(operator, user, asked["nonce"], signature)
    assert_problem(late, 409, "challenge_expired", pointer="/nonce")
    assert await rest.stored() == before


async def test_a_person_decides_otherwise_and_another_one_cancels_it(stage: Stage, world: World) -> None:
    """The change is listed with both; what does not wait any more is not cancelled."""
    operator, user, who = stage.operator, await world.user(wallet=None), holder(206)
    await proved(operator, user, who)
    ordered = await operator.post(
        f"/v1/users/{user.id}/wallet", {"wallet": wallet_number(206), "person": "anna", "reason": "she lost the key"}
    )
    assert (ordered.status_code, ordered.json()["next_wallet"]) == (201, wallet_number(206))
    [change, _] = (await operator.get(f"/v1/users/{user.id}/wallet-changes")).json()["items"]
    assert (change["proof"], change["person"], change["reason"]) == ("operator", "anna", "she lost the key")
    path = f"/v1/users/{user.id}/wallet-changes/{change['id']}/cancel"
    done = await operator.post(path, SAID)
    assert (done.status_code, done.json()["ended_as"], done.json()["ended_person"]) == (201, "cancelled", "bert")
    assert_problem(await operator.post(path, SAID), 409, "wallet_change_ended", parameter="change_id")
    none = await operator.post(f"/v1/users/{user.id}/wallet-changes/{new_id('whc')}/cancel", SAID)
    assert_problem(none, 404, "wallet_change_unknown", parameter="change_id")


async def test_while_nobody_judges_it_is_said_and_nothing_is_used(stage: Stage, world: World) -> None:
    """503 with Retry-After, with the adapter failing and with none at all; the same proof is taken later."""
    operator, user, who = stage.operator, await world.user(wallet=None), holder(207)
    asked = await challenged(operator, user, who)
    signature = who.sign(asked["message"])
    stage.fake.refusal = Status.UNAVAILABLE
    failed = await answered(operator, user, asked["nonce"], signature)
    stage.fake.refusal = None
    assert_problem(failed, 503, "adapter_unavailable")
    assert failed.headers["retry-after"]
    async with open_rest(world, adapter_address=NOWHERE) as rest:
        alone = await answered(await rest.operator(), user, asked["nonce"], signature)
        assert_problem(alone, 503, "adapter_unavailable")
    assert (await answered(operator, user, asked["nonce"], signature)).status_code == 201


async def test_what_was_proved_long_ago_is_told_as_it_stands(stage: Stage, world: World) -> None:
    """The challenge, the change and its end; a challenge that nobody answered is unknown by then, as to a proof."""
    operator, user, keys = stage.operator, await world.user(wallet=None), [new_key() for _ in range(4)]
    path, asking = f"/v1/users/{user.id}/wallet-challenges", {"wallet": holder(209).address}
    asked = (await operator.post(path, asking, key=keys[0])).json()
    proof = {"nonce": asked["nonce"], "signature": holder(209).sign(asked["message"])}
    await answered(operator, user, **proof, key=keys[1])
    waits = await proved(operator, user, holder(210))
    cancelling = f"/v1/users/{user.id}/wallet-changes/{waits['id']}/cancel"
    cancelled = (await operator.post(cancelling, SAID, key=keys[2])).json()
    assert (await operator.post(path, asking, key=keys[3])).status_code == 201
    await forget(stage.rest)
    async with world.api.transaction() as tx:
        await challenges.forget(tx, now=world.clock.now() + timedelta(days=2), limit=100)
    assert await again(operator, path, asking, key=keys[0]) == asked
    [_, first] = (await operator.get(f"/v1/users/{user.id}/wallet-changes")).json()["items"]
    assert await again(operator, f"/v1/users/{user.id}/wallet-proofs", proof, key=keys[1]) == first
    assert await again(operator, cancelling, SAID, key=keys[2]) == cancelled
    assert_problem(await operator.post(path, asking, key=keys[3]), 404, "challenge_unknown")


async def test_a_merchant_never_links_a_wallet(stage: Stage, world: World) -> None:
    """Not even with a signature of it: that proves who holds the wallet, and not that the user wants it."""
    merchant, user, own = await world.merchant(), await world.user(wallet=None), holder(208)
    asked = await challenged(stage.operator, user, own)
    signature = own.sign(asked["message"])
    for shop in (
        await stage.rest.merchant(merchant),
        await stage.rest.merchant(merchant, scopes=["wallets:read", "wallets:write", "users:write"]),
    ):
        before = await stage.rest.stored()
        attempts = [
            await shop.post(f"/v1/users/{user.id}/wallet-challenges", {"wallet": own.address}),
            await answered(shop, user, asked["nonce"], signature),
            await shop.post(f"/v1/users/{user.id}/wallet", {"wallet": own.address}),
            await shop.post(f"/v1/users/{user.id}/wallet-changes/{new_id('whc')}/cancel", SAID),
            await shop.post("/v1/users", {"wallet": own.address}),
            await shop.get(f"/v1/users/{user.id}/wallet-changes"),
        ]
        for attempt in attempts:
            assert attempt.status_code == 403, attempt.text
        assert {attempt.json()["code"] for attempt in attempts} <= {"operator_only", "scope_missing"}
        assert await stage.rest.stored() == before
    assert (await stage.operator.get(f"/v1/users/{user.id}")).json()["wallet"] is None

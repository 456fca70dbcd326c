"""Commands about wallets, repeated after their user was erased: nothing of the user is told, and nothing breaks."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import pytest
import pytest_asyncio

from tests.contract.rest.document import assert_problem
from tests.contract.rest.marked import staged
from tests.contract.rest.test_ownership import Stage, answered, challenged, proved
from tests.integration.ledger.world import World, new_key
from tests.integration.purchases.proving import holder

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHY: Final = {"person": "ada", "reason": "asked for in ticket 4711"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(world: World) -> AsyncIterator[Stage]:
    """Give an API with an adapter that judges, and a programme."""
    async with staged(world) as one:
        yield one


@pytest.mark.invariant("I7")
async def test_proofs_and_cancelled_changes_of_an_erased_user_are_forgotten(stage: Stage) -> None:
    """The change went with the user, so a repeat finds none; with another body it is another request as ever."""
    operator, world = stage.operator, stage.rest.world
    user, first, second = await world.user(wallet=None), holder(501), holder(502)
    await proved(operator, user, first)
    asked, proof, cancel = await challenged(operator, user, second), new_key(), new_key()
    signature = second.sign(asked["message"])
    change = (await answered(operator, user, asked["nonce"], signature, key=proof)).json()
    cancelling = f"/v1/users/{user.id}/wallet-changes/{change['id']}/cancel"
    assert (await operator.post(cancelling, WHY, key=cancel)).status_code == 201
    assert (await operator.post(f"/v1/users/{user.id}/erase", WHY)).status_code == 201
    before = await stage.rest.stored()
    again = await answered(operator, user, asked["nonce"], signature, key=proof)
    assert_problem(again, 404, "wallet_change_unknown")
    gone = await operator.post(cancelling, WHY, key=cancel)
    assert_problem(gone, 404, "wallet_change_unknown", parameter="change_id")
    other = await operator.post(cancelling, {**WHY, "reason": "another"}, key=cancel)
    assert_problem(other, 422, "idempotency_key_reused", parameter="Idempotency-Key")
    assert await stage.rest.stored() == before


async def test_a_challenge_that_was_forgotten_is_told_to_nobody(stage: Stage) -> None:
    """What was answered goes with it: an erase would not find its way from the user to that."""
    operator, world, key = stage.operator, stage.rest.world, new_key()
    user, who = await world.user(wallet=None), holder(503)
    world.clock.advance(timedelta(seconds=1.25))
    path, body = f"/v1/users/{user.id}/wallet-challenges", {"wallet": who.address}
    assert (await operator.post(path, body, key=key)).status_code == 201
    later = world.clock.now() + timedelta(days=2)
    await world.rows("select purchases.forget_challenges(%s, 1000)", later)
    assert (await operator.post(f"/v1/users/{user.id}/erase", WHY)).status_code == 201
    assert_problem(await operator.post(path, body, key=key), 404, "challenge_unknown")
    stored = "select from purchases.idempotency_keys where position(convert_to(%s, 'UTF8') in answer) > 0"
    assert await world.rows(stored, who.address) == []

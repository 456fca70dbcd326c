"""What signs deliveries: replaced while both are known, and unreadable for one endpoint alone."""

from cashback.kernel.clock import SystemClock
from cashback.webhooks import Endpoints, NewEndpoint, SealingKeys
from cashback.webhooks.consumer import TYPES
from cashback.webhooks.service import metrics
from tests.integration.webhooks.world import KEY, World, eventually, refunded


async def test_a_secret_that_was_replaced_signs_beside_its_heir_for_a_day(world: World) -> None:
    """Whoever knows the old one or the new one is content; one from before is of no use."""
    endpoint = await world.endpoint()
    secrets = [await world.secret(endpoint)]
    for _ in range(2):
        async with world.api.transaction() as tx:
            await world.endpoints.rotate(tx, endpoint.id, merchant_id="mer_1", by="test")
        secrets.append(await world.secret(endpoint))
    await world.take(refunded())
    async with world.delivering():
        await eventually(lambda: world.has_got(1))
        [got] = world.shop.got
        assert [got.is_signed_with(secret) for secret in secrets] == [False, True, True]
        await eventually(lambda: world.are("delivered"))
        world.rows("update webhooks.secrets set ends_at = now() where ends_at is not null")
        await world.take(refunded())
        await eventually(lambda: world.has_got(2))
    assert [world.shop.got[1].is_signed_with(secret) for secret in secrets] == [False, False, True]


async def test_an_endpoint_whose_secret_cannot_be_read_fails_alone(world: World) -> None:
    """Nothing is sent to it, its tries are in the log and on the schedule, and all others are delivered to meanwhile.

    It is not disabled for what is our failure; once its secret can be read, what is due is delivered.
    """
    unsigned = metrics.unsigned.collect
    before = next(iter(unsigned())).samples[0].value
    lost = Endpoints(SystemClock(), keys=SealingKeys(b"o" * 32), types=TYPES, allow_loopback=True)
    async with world.api.transaction() as tx:
        url = world.shop.url("/lost")
        await lost.create(tx, NewEndpoint(merchant_id="mer_1", url=url, types=TYPES, by="test"))
    await world.endpoint("/there")
    await world.take(*(refunded() for _ in range(20)))
    async with world.delivering():
        await eventually(lambda: world.are(*["delivered"] * 20, *["due"] * 20))
        await world.tried(40)
    assert len(world.shop.at("/there")) == 20
    assert world.shop.at("/lost") == []
    assert world.rows(
        "select attempts, count(*), min(due_at) > now() from webhooks.deliveries where state = 'due' group by attempts"
    ) == [(1, 20, True)]
    assert world.rows(
        "select distinct host(address), status, error from webhooks.attempts where error is not null"
    ) == [(None, None, "secret_unreadable")]
    assert world.rows("select state, failing_since from webhooks.endpoints order by url") == [("enabled", None)] * 2
    assert next(iter(unsigned())).samples[0].value == before + 20
    world.hasten()
    async with world.delivering(keys=SealingKeys(KEY, b"o" * 32)):
        await eventually(lambda: world.are(*["delivered"] * 40))
    assert len(world.shop.at("/lost")) == 20


async def test_one_living_secret_that_cannot_be_read_is_enough_to_send_nothing(world: World) -> None:
    """A receiver that knows that one alone would refuse what only its heir has signed, and may say that it has it."""
    endpoint = await world.endpoint()
    other = Endpoints(SystemClock(), keys=SealingKeys(b"o" * 32), types=TYPES, allow_loopback=True)
    async with world.api.transaction() as tx:
        await other.rotate(tx, endpoint.id, merchant_id="mer_1", by="test")
    await world.take(refunded())
    for number, keys in enumerate((SealingKeys(KEY), SealingKeys(b"o" * 32)), start=1):
        async with world.delivering(keys=keys):
            await world.tried(number)
        world.hasten()
    assert world.shop.got == []
    # Rotated twice under the new key, as the runbook has it, and nothing of the old one is needed.
    async with world.api.transaction() as tx:
        await other.rotate(tx, endpoint.id, merchant_id="mer_1", by="test")
    world.hasten()
    async with world.delivering(keys=SealingKeys(b"o" * 32)):
        await eventually(lambda: world.are("delivered"))

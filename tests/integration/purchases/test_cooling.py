"""What waits takes effect for each by itself: what breaks is put aside, and what was cancelled has proved nothing."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from cashback.kernel.clock import monotonic_s
from cashback.purchases.model import OPERATOR, User
from cashback.purchases.model.ownership import ChangeCancellation, WalletChange
from cashback.purchases.service.cooling import ASIDE_FOR_S
from tests.integration.ledger.world import World, decoded, new_key, wallet_number
from tests.integration.purchases.proving import POLICY, Proving, holder, judging, set_to

REFUSE = """
    create function purchases.refuse_one() returns trigger language plpgsql as $$
    begin
        raise exception 'refused' using errcode = 'check_violation', constraint = 'refused';
    end
    $$
"""


@pytest.fixture
async def proving(world: World) -> AsyncIterator[Proving]:
    """Give the service, with an adapter that judges."""
    async with judging() as (_, adapter):
        yield Proving(world, adapter)


def broken() -> float:
    """Return how many changes broke by themselves."""
    return REGISTRY.get_sample_value("cashback_purchases_wallet_changes_total", {"outcome": "broken"}) or 0.0


async def test_a_change_that_the_database_refuses_stops_no_other(
    proving: Proving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is put aside for a while and counted, and tried again after that: the others take effect at once."""
    world = proving.world
    users = [await world.user() for _ in range(3)]
    changes = [await proving.proved(user, holder(place)) for place, user in enumerate(users, start=1)]
    await world.rows(REFUSE)
    await world.rows(
        "create trigger refused before insert on purchases.wallets"
        f" for each row when (new.user_id = '{users[1].id}') execute function purchases.refuse_one()"
    )
    world.clock.advance(timedelta(seconds=POLICY.cooldown_s))
    before = broken()
    assert await proving.cooldown.round() == 3
    assert broken() == before + 1
    wallets = [(await proving.user(user)).wallet for user in users]
    assert [wallet == change.wallet for wallet, change in zip(wallets, changes, strict=True)] == [True, False, True]
    assert await proving.cooldown.round() == 0
    await world.rows("drop trigger refused on purchases.wallets")
    later_s = monotonic_s() + ASIDE_FOR_S
    monkeypatch.setattr("cashback.purchases.service.cooling.monotonic_s", lambda: later_s)
    assert await proving.cooldown.round() == 1
    assert (await proving.user(users[1])).wallet == changes[1].wallet


async def test_what_a_person_cancelled_proves_nothing(proving: Proving) -> None:
    """It was not her: an operator's word counts at once as before."""
    people, user = proving.world.people, await proving.world.user()
    change = await proving.proved(user, holder(1))
    command = ChangeCancellation(
        owner=OPERATOR, key=new_key(), user_id=user.id, change_id=change.id, person="bert", reason="it was not her"
    )
    decoded(await proving.ownership.cancel(command), WalletChange)
    told = decoded(await people.set_wallet(set_to(user, wallet_number(3))), User)
    assert (told.wallet, told.next_wallet) == (wallet_number(3), None)


async def test_nobody_s_clock_takes_a_challenge_away_that_may_be_answered(proving: Proving) -> None:
    """The server's says what has ended a day ago, whatever whoever calls says that it is."""
    user, anna = await proving.world.user(wallet=None), holder(1)
    asked = await proving.challenge(user, anna.address)
    await proving.world.rows("update purchases.wallet_challenges set issued_at = now(), expires_at = now() + '600 s'")
    forget = "select purchases.forget_challenges(now() + interval '30 days', 100)"
    assert await proving.world.one(forget) == 0
    assert await proving.world.one("select nonce from purchases.wallet_challenges") == asked.nonce

"""A wallet that takes the place of a proved one waits, takes effect once, and may be cancelled meanwhile (I4, I7)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import msgspec
import psycopg
import pytest

from cashback.kernel.db import DatabaseUnavailable
from cashback.kernel.ids import new_id
from cashback.kernel.listing import Order, Stretch
from cashback.purchases.model import OPERATOR, Recorded, User
from cashback.purchases.model.ownership import ChangeCancellation, Ended, WalletChange, WalletProof
from cashback.purchases.service import CoolDown, Directory
from tests.integration.ledger.world import Dsns, World, buy, decoded, new_key, open_world, requests, wallet_number
from tests.integration.purchases.proving import POLICY, Proving, code_of, holder, judging, set_to
from tests.integration.purchases.test_wallets import dawdling, waiting
from tests.support.facts import eventually

COOLDOWN = timedelta(seconds=POLICY.cooldown_s)


@pytest.fixture
async def proving(world: World) -> AsyncIterator[Proving]:
    """Give the service, with an adapter that judges."""
    async with judging() as (_, adapter):
        yield Proving(world, adapter)


async def changes_of(proving: Proving, user: User) -> list[WalletChange]:
    """Return every change of a user's wallet, newest first, read in pages of two."""
    found: list[WalletChange] = []
    place: str | None = None
    while True:
        items, place = await proving.ownership.changes(user.id, place=place, limit=2)
        found += items
        if place is None:
            return found


def cancellation(change: WalletChange, **other: str) -> ChangeCancellation:
    """Return the command that cancels a change."""
    return ChangeCancellation(
        owner=OPERATOR,
        key=new_key(),
        user_id=other.get("user_id", change.user_id),
        change_id=other.get("change_id", change.id),
        person=other.get("person", " bert "),
        reason=" it was not her ",
    )


@pytest.mark.invariant("I4")
async def test_another_wallet_that_is_proved_waits_and_then_gets_what_comes(proving: Proving) -> None:
    """Until its time everything goes to the first one; from then on what is requested goes to it (I4)."""
    world = proving.world
    await world.programme()
    user, merchant, first, second = await world.user(wallet=None), await world.merchant(), holder(1), holder(2)
    await proving.proved(user, first)
    change = await proving.proved(user, second)
    assert (change.ended_at, change.effective_at - change.asked_at) == (None, COOLDOWN)
    found = await proving.user(user)
    assert (found.wallet, found.next_wallet, found.next_wallet_at) == (
        first.address,
        second.address,
        change.effective_at,
    )
    await world.record(buy(user, merchant))
    await world.request()
    world.clock.advance(COOLDOWN - timedelta(microseconds=1))
    assert await proving.cooldown.round() == 0
    world.clock.advance(timedelta(microseconds=1))
    assert await proving.cooldown.round() == 1
    await world.record(buy(user, merchant))
    await world.request()
    assert [one.recipient for one in await requests(world)] == [first.address, second.address]
    found = await proving.user(user)
    assert (found.wallet, found.wallet_proof, found.next_wallet) == (second.address, "eip4361", None)
    [after, before] = await changes_of(proving, user)
    assert (after.ended_as, after.ended_at, before.ended_as) == (Ended.APPLIED, world.clock.now(), Ended.APPLIED)


async def test_a_change_takes_effect_once_in_whichever_process_comes_first(proving: Proving, dsns: Dsns) -> None:
    """Two, again and again at the same time, and once more after the clock went back."""
    user, first, second = await proving.world.user(wallet=None), holder(1), holder(2)
    await proving.proved(user, first)
    await proving.proved(user, second)
    proving.world.clock.advance(COOLDOWN)
    async with open_world(dsns) as other:
        loops = [proving.cooldown, CoolDown(other.api, clock=proving.world.clock)] * 4
        done = await asyncio.gather(*(loop.round() for loop in loops))
    assert sum(done) == 1
    proving.world.clock.advance(-COOLDOWN)
    assert await proving.cooldown.round() == 0
    proving.world.clock.advance(2 * COOLDOWN)
    assert await proving.cooldown.round() == 0
    assert await proving.linked(user) == [(first.address, "eip4361"), (second.address, "eip4361")]


async def test_a_process_that_is_killed_half_way_leaves_all_to_the_next(proving: Proving) -> None:
    """Between the wallet here and the one in the ledger: nothing of it stays, and the next round does both."""
    user, first, second = await proving.world.user(wallet=None), holder(1), holder(2)
    await proving.proved(user, first)
    await proving.proved(user, second)
    proving.world.clock.advance(COOLDOWN)
    async with dawdling(proving.world, second.address) as held:
        dying = asyncio.create_task(proving.cooldown.round())
        await eventually(partial(waiting, proving.world), within_s=10, what="the change is half-way")
        assert await CoolDown(proving.world.api, clock=proving.world.clock).round() == 0
        await proving.world.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where wait_event_type = 'Lock' and datname = current_database()"
        )
        with pytest.raises(DatabaseUnavailable):
            await dying
        await held.rollback()
    assert (await proving.user(user)).wallet == first.address
    assert await proving.cooldown.round() == 1
    assert (await proving.user(user)).wallet == second.address
    assert len(await proving.linked(user)) == 2


async def test_a_change_that_ends_at_that_very_moment_is_not_applied(proving: Proving) -> None:
    """Found while it was open, and ended by whoever had the user: it is looked at again once the user is ours."""
    user, first, second = await proving.world.user(wallet=None), holder(1), holder(2)
    await proving.proved(user, first)
    change = await proving.proved(user, second)
    proving.world.clock.advance(COOLDOWN)
    async with await psycopg.AsyncConnection.connect(proving.world.dsns.superuser) as somebody:
        await somebody.execute("select from purchases.users where id = %s for no key update", (user.id,))
        await somebody.execute(
            "update purchases.wallet_changes set ended_at = now(), ended_as = 'superseded' where id = %s", (change.id,)
        )
        applying = asyncio.create_task(proving.cooldown.round())
        await eventually(partial(waiting, proving.world), within_s=10, what="the round waits for the user")
        await somebody.commit()
        await applying
    assert (await proving.user(user)).wallet == first.address
    assert await proving.linked(user) == [(first.address, "eip4361")]


async def test_the_loop_applies_what_is_due_and_survives_what_breaks(
    proving: Proving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks again and again until it is told to stop; a round that fails, whatever with, ends nothing."""
    user, stop = await proving.world.user(wallet=None), asyncio.Event()
    await proving.proved(user, holder(1))
    await proving.proved(user, holder(2))
    proving.world.clock.advance(COOLDOWN)
    loop = CoolDown(proving.world.api, clock=proving.world.clock, look_every_s=0.01)
    failures = [psycopg.DataError("nonsense"), DatabaseUnavailable("away")]
    once = loop.round

    async def round_() -> int:
        """Fail as often as told, and then do what is due."""
        if failures:
            raise failures.pop()
        return await once()

    monkeypatch.setattr(loop, "round", round_)
    running = asyncio.create_task(loop.run(stop))

    async def look() -> bool | None:
        return (await proving.user(user)).wallet == holder(2).address or None

    await eventually(look, within_s=10, what="the change has taken effect")
    stop.set()
    await running


async def test_what_is_proved_anew_takes_the_place_of_what_waits(proving: Proving) -> None:
    """The newest wish counts, be it for the wallet that is in use; nothing else ever takes effect."""
    user, first, second, third = await proving.world.user(wallet=None), holder(1), holder(2), holder(3)
    await proving.proved(user, first)
    await proving.proved(user, second)
    await proving.proved(user, third)
    assert (await proving.user(user)).next_wallet == third.address
    again = await proving.proved(user, first)
    assert again.ended_as is Ended.APPLIED
    assert (await proving.user(user)).next_wallet is None
    endings = [change.ended_as for change in await changes_of(proving, user)]
    assert endings == [Ended.APPLIED, Ended.SUPERSEDED, Ended.SUPERSEDED, Ended.APPLIED]
    proving.world.clock.advance(COOLDOWN)
    assert await proving.cooldown.round() == 0
    assert await proving.linked(user) == [(first.address, "eip4361")]


async def test_a_wallet_that_an_operator_named_may_be_proved_later(proving: Proving) -> None:
    """It is in use already, so there is nothing to wait for; another one waits, as ever."""
    first, second = holder(1), holder(2)
    user = await proving.world.user(wallet=first.address)
    assert (await proving.user(user)).wallet_proof == "operator"
    waits = await proving.proved(user, second)
    assert (waits.ended_at, (await proving.user(user)).wallet) == (None, first.address)
    await proving.proved(user, first)
    found = await proving.user(user)
    assert (found.wallet, found.wallet_proof, found.next_wallet) == (first.address, "eip4361", None)


async def test_a_change_is_cancelled_once_in_a_person_s_name(proving: Proving) -> None:
    """Afterwards it does not wait any more; another user's, and one that there is not, are told alike."""
    user, other = await proving.world.user(wallet=None), await proving.world.user()
    await proving.proved(user, holder(1))
    change = await proving.proved(user, holder(2))
    command = cancellation(change)
    for foreign in (cancellation(change, user_id=other.id), cancellation(change, change_id=new_id("whc"))):
        assert code_of(await proving.ownership.cancel(foreign)) == "wallet_change_unknown"
    assert code_of(await proving.ownership.cancel(cancellation(change, person=" "))) == "field_invalid"
    told = decoded(await proving.ownership.cancel(command), WalletChange)
    assert (told.ended_as, told.ended_person, told.ended_reason) == (Ended.CANCELLED, "bert", "it was not her")
    again = await proving.ownership.cancel(command)
    assert isinstance(again, Recorded)
    assert again.is_replay
    assert code_of(await proving.ownership.cancel(cancellation(change))) == "wallet_change_ended"
    proving.world.clock.advance(COOLDOWN)
    assert await proving.cooldown.round() == 0
    assert (await proving.user(user)).wallet == holder(1).address


async def test_who_has_proved_a_wallet_gets_no_other_by_a_key_alone(proving: Proving) -> None:
    """A person decides it and says why, and then it waits as well; the same wallet again changes nothing."""
    people, user, first = proving.world.people, await proving.world.user(wallet=None), holder(1)
    early = set_to(user, wallet_number(1))
    set_before = await people.set_wallet(early)
    await proving.proved(user, first)
    proving.world.clock.advance(COOLDOWN)
    await proving.cooldown.round()
    assert code_of(await people.set_wallet(set_to(user, wallet_number(2)))) == "wallet_proved"
    same = decoded(await people.set_wallet(set_to(user, first.address)), User)
    assert (same.wallet, same.wallet_proof) == (first.address, "eip4361")
    told = decoded(await people.set_wallet(set_to(user, wallet_number(2), person="bert")), User)
    assert (told.wallet, told.next_wallet) == (first.address, wallet_number(2))
    assert told == await proving.user(user)
    assert code_of(await people.set_wallet(set_to(user, first.address))) == "wallet_proved"
    again = await people.set_wallet(early)
    assert isinstance(set_before, Recorded)
    assert again == Recorded(set_before.answer, is_replay=True)
    proving.world.clock.advance(timedelta(days=1))
    assert await proving.cooldown.round() == 1
    assert (await proving.user(user)).wallet_proof == "operator"
    [change, *_] = await changes_of(proving, user)
    assert (change.proof, change.person, change.ended_as) == (WalletProof.OPERATOR, "bert", Ended.APPLIED)
    # What a person has decided once opens nothing to keys: that a wallet was proved is remembered.
    assert code_of(await people.set_wallet(set_to(user, wallet_number(3)))) == "wallet_proved"
    told = decoded(await people.set_wallet(set_to(user, wallet_number(3), person="bert")), User)
    assert (told.wallet, told.next_wallet) == (wallet_number(2), wallet_number(3))
    told_of = await Directory(proving.world.api).wallets(user.id, Stretch(order=Order.ASC, place=None, limit=9))
    assert [one.proof for one in told_of[0]] == [WalletProof.OPERATOR, WalletProof.SIGNED, WalletProof.OPERATOR]


async def test_what_a_person_decides_twice_waits_all_the_same(proving: Proving) -> None:
    """Against a proof that waits: neither the same again under another key nor a bare word cuts the time short."""
    people, user = proving.world.people, await proving.world.user()
    before = (await proving.user(user)).wallet
    await proving.proved(user, holder(1))
    for _ in range(2):
        told = decoded(await people.set_wallet(set_to(user, wallet_number(9), person="bert")), User)
        assert (told.wallet, told.next_wallet) == (before, wallet_number(9))
    assert code_of(await people.set_wallet(set_to(user, wallet_number(8)))) == "wallet_proved"
    assert (await proving.user(user)).wallet == before


async def test_before_anything_was_proved_an_operator_s_word_counts_at_once(proving: Proving) -> None:
    """As it always did; but not once a wallet was proved that only waits."""
    people, user = proving.world.people, await proving.world.user()
    await people.set_wallet(set_to(user, wallet_number(1)))
    signed = decoded(await people.set_wallet(set_to(user, wallet_number(2), person="bert")), User)
    assert (signed.wallet, signed.next_wallet) == (wallet_number(2), None)
    await proving.proved(user, holder(1))
    assert code_of(await people.set_wallet(set_to(user, wallet_number(3)))) == "wallet_proved"
    halves = [msgspec.structs.replace(set_to(user, wallet_number(3), person="bert"), reason=None)]
    halves.append(msgspec.structs.replace(set_to(user, wallet_number(3), person="bert"), person=None))
    assert [code_of(await people.set_wallet(one)) for one in halves] == ["field_invalid"] * 2

"""Recovering a ledger whose cashbacks had two numbers: each gets one at most, what is known is not told (I2)."""

import msgspec
import pytest

from cashback.kernel.money import TokenUnits
from cashback.ledger.model import Accounted, BooksMoved, MintRecord, NumbersFenced, State
from cashback.ledger.service import Recovery
from cashback.ledger.service.requests import freeze
from cashback.ledger.store import mints
from tests.integration.ledger.test_fence import copied
from tests.integration.ledger.test_retirements import WHY, retired
from tests.integration.ledger.world import World, buy, minted_outcome, requests, wallet_number
from tests.support.servers import Databases


async def records(world: World, *states: str) -> list[MintRecord]:
    """Return what minting holds of every request that was published, each in its state there."""
    return [
        MintRecord(
            number=int(request.mint_number),
            cashback_id=request.cashback_id,
            recipient=request.recipient,
            token_units=TokenUnits(int(request.token_units)),
            state=state,
        )
        for request, state in zip(await requests(world), states, strict=True)
    ]


async def restored(world: World) -> str:
    """Leave two approved cashbacks, as a backup brings them back, and return the first: money is there for two."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    [first, _] = await world.record(buy(user, merchant), buy(user, merchant))
    return first.cashback.id


def held(cashback_id: str, number: int, state: str = "accepted", *, is_retired: bool = False) -> MintRecord:
    """Return what minting holds for one of them."""
    return MintRecord(
        number=number,
        cashback_id=cashback_id,
        recipient=wallet_number(1),
        token_units=TokenUnits(1_500_000),
        state=state,
        is_retired=is_retired,
    )


def kinds(told: list[Accounted]) -> list[tuple[str, int]]:
    """Return what was told of which number."""
    return [(one.kind.value, one.number) for one in told]


def recovery(world: World) -> Recovery:
    """Return one recovery of a ledger."""
    return Recovery(world.worker, clock=world.clock)


@pytest.mark.invariant("I2", "I8")
async def test_a_cashback_that_was_given_back_does_not_adopt_the_number_that_it_gave_up(world: World) -> None:
    """It waits for another one, and is minted under that."""
    old = await retired(world)
    await world.retirements.give_back(int(old.mint_number), by="alice", because=WHY)
    assert await recovery(world).adopt(await records(world, "stuck"), is_dry_run=False) == []
    cashback = await world.readings.cashback(old.cashback_id)
    assert (cashback.state, cashback.mint_number) == (State.APPROVED, None)
    await world.request()
    await world.settle(await minted_outcome(world, old.cashback_id))
    assert (await world.readings.cashback(old.cashback_id)).state is State.MINTED
    await world.assert_books_prove()


async def test_a_second_number_is_nothing_to_tell_and_recovering_without_need_changes_nothing(world: World) -> None:
    """However often it is done: the next number is the one that it would have been."""
    old = await retired(world)
    await world.retirements.give_back(int(old.mint_number), by="alice", because=WHY)
    await world.request()
    await world.settle(await minted_outcome(world, old.cashback_id))
    before = await world.rows("select * from ledger.cashback_ledger")
    known = await records(world, "stuck", "minted")
    for _ in range(2):
        assert await recovery(world).adopt(known, is_dry_run=False) == []
        assert await recovery(world).reopen(known[-1].number) == known[-1].number
    assert await world.rows("select * from ledger.cashback_ledger") == before
    assert await world.one("select nextval('ledger.mint_numbers')") == known[-1].number + 1


async def test_a_number_that_was_given_up_is_one_that_the_ledger_knows(world: World) -> None:
    """A log of it is not told as nobody's."""
    old = await retired(world)
    number = int(old.mint_number)
    await world.retirements.give_back(number, by="alice", because=WHY)
    assert await recovery(world).unknown([number, number + 1]) == {number + 1}


async def test_a_number_that_another_cashback_gave_up_is_taken(world: World) -> None:
    """Minting has it for one, the ledger had it for another: that is for a person."""
    old = await retired(world)
    await world.retirements.give_back(int(old.mint_number), by="alice", because=WHY)
    [known] = await records(world, "minted")
    stranger = msgspec.structs.replace(known, cashback_id="cb_stranger")
    [told] = await recovery(world).adopt([stranger], is_dry_run=False)
    assert (told.kind.value, told.detail) == ("number_taken", f"the ledger gave the number to {old.cashback_id}")


@pytest.mark.invariant("I1", "I2", "I8")
@pytest.mark.parametrize("page", [1, 2])
@pytest.mark.parametrize("is_retired", [True, False])
async def test_of_two_numbers_of_a_cashback_one_is_adopted(world: World, page: int, *, is_retired: bool) -> None:
    """The one that is not retired, else the first; on one page or two, and a dry run tells the same."""
    cashback_id = await restored(world)
    found = [held(cashback_id, 5, "stuck", is_retired=is_retired), held(cashback_id, 9, "minted")]
    pages = [found[at : at + page] for at in range(0, len(found), page)]
    expected = [("retired", 5), ("adopted", 9)] if is_retired else [("adopted", 5), ("number_differs", 9)]
    for is_dry_run in (True, False):
        one = recovery(world)
        told = [accounted for some in pages for accounted in await one.adopt(some, is_dry_run=is_dry_run)]
        assert kinds(told) == expected
    adopted = 9 if is_retired else 5
    assert [request.mint_number for request in await requests(world)] == [str(adopted)]
    assert (await world.readings.cashback(cashback_id)).mint_number == adopted
    await world.assert_books_prove()
    again = await recovery(world).adopt(found, is_dry_run=False)
    assert kinds(again) == [one for one in expected if one != ("adopted", adopted)]


@pytest.mark.invariant("I2", "I4")
async def test_a_cashback_whose_only_number_is_retired_gets_a_fresh_one(world: World) -> None:
    """Nothing was minted under it, and minting takes another one; it is told, since the ledger has no record of it."""
    cashback_id = await restored(world)
    found = [held(cashback_id, 5, "stuck", is_retired=True)]
    one = recovery(world)
    assert kinds(await one.adopt(found, is_dry_run=False)) == [("retired", 5)]
    await one.reopen(5)
    await world.request(cashback_id)
    assert [request.mint_number for request in await requests(world)] == ["6"]
    assert kinds(await recovery(world).adopt(found, is_dry_run=False)) == [("retired", 5)]
    await world.settle(await minted_outcome(world, cashback_id))
    await world.assert_books_prove()


@pytest.mark.invariant("I8")
async def test_a_mint_that_would_be_requested_twice_at_once_fails_as_a_whole(world: World) -> None:
    """One row changes once: whoever says that it is two changes nothing."""
    cashback_id = await restored(world)

    async def request_twice() -> None:
        """Freeze two numbers for one cashback, in one statement."""
        async with world.worker.transaction() as tx:
            [one] = await mints.number(tx, await mints.lock_approved(tx, [cashback_id]))
            twice = [one, msgspec.structs.replace(one, mint_number=one.mint_number + 1)]
            await freeze(tx, twice, cause="recovered", now=world.clock.now(), policy=world.policy)

    with pytest.raises(BooksMoved, match="1 of 2"):
        await request_twice()
    assert (await world.readings.cashback(cashback_id)).state is State.APPROVED
    assert await requests(world) == []
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I2", "I8")
async def test_a_ledger_from_before_a_number_was_given_up_gives_it_up_again_and_adopts_the_next(
    world: World, databases: Databases
) -> None:
    """Stuck under the first one it tells of the second; given back behind the fence, it gets that one."""
    old = await retired(world)
    first = int(old.mint_number)
    async with copied(world, databases) as backup:
        await world.retirements.give_back(first, by="alice", because=WHY)
        await world.request()
        minted = await minted_outcome(world, old.cashback_id)
        second = int(minted.mint_number)
        [one, other] = await records(world, "stuck", "minted")
        known = [msgspec.structs.replace(one, is_retired=True), other]
        assert kinds(await recovery(backup).adopt(known, is_dry_run=True)) == [("number_differs", second)]
        await backup.retirements.give_back(first, by="alice", because=WHY)
        with pytest.raises(NumbersFenced):
            await backup.request()
        assert kinds(await recovery(backup).adopt(known, is_dry_run=False)) == [("adopted", second)]
        assert await recovery(backup).reopen(second) == second
        await backup.settle(minted)
        cashback = await backup.readings.cashback(old.cashback_id)
        assert (cashback.state, cashback.mint_number) == (State.MINTED, second)
        assert [int(request.mint_number) for request in await requests(backup)] == [first, second]
        await backup.assert_books_prove()
        assert await recovery(backup).adopt(known, is_dry_run=False) == []
